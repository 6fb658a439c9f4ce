"""The boosted model through the registry: trained once, then reproduced, examined, scored by."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import ArtifactMismatch, InvalidInput
from farview.evaluation.gates import CONVERGENCE
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from jobs.customer_forecast import customer_forecast, drivers_of
from jobs.gate import gate
from jobs.local_engine import LocalEngine
from jobs.reproduce import reproduce
from jobs.score import score_ltv
from jobs.train import train_ltv
from ltv.boost_scorer import BoostScorer
from ltv.inputs import CUSTOMER, History
from ltv.parts import pack
from ltv.registered import load, ready

AS_OF = date(1997, 9, 30)
HORIZONS_DAYS = (30, 90)


@pytest.fixture(scope="module")
def store(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = shutil.copy(sales, tmp_path_factory.mktemp("boost") / "boost.db")
    opened = Store.open(f"sqlite:///{path}")
    train_ltv(opened, as_of=AS_OF, model="boost", seed=2, who="ada")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def version(store: Store) -> ModelVersion:
    return store.champion(LTV_REVENUE)


def test_it_is_registered_with_what_its_trees_correct(store: Store, version: ModelVersion) -> None:
    assert (version.model, version.lineage.configuration) == ("boost", {"model": "boost", "method": "laplace"})
    assert version.metrics["anchor"] == "bg_nbd+first_spend"
    assert set(version.metrics["heads"]) == {"some", "more", "spend", "returned"}
    assert version.artifact_size_bytes < 2**20


def test_it_comes_out_again_from_its_lineage(store: Store, version: ModelVersion) -> None:
    assert reproduce(store, LTV_REVENUE, version.version, who="ada").same_bytes


def test_the_convergence_of_its_anchor_is_examined(store: Store, version: ModelVersion) -> None:
    checks = gate(store, LTV_REVENUE, version.version, who="ada").checks
    assert {check["gate"] for check in checks} == {CONVERGENCE}
    assert any("k-hat" in check["figure"] for check in checks)


@pytest.mark.parametrize("customers_a_bucket", [64, 32_768])
def test_a_run_holds_what_its_scorer_says_of_the_customers_features(
    customers_a_bucket: int, store: Store, version: ModelVersion
) -> None:
    seed = customers_a_bucket  # two runs
    engine = LocalEngine(customers_a_bucket, workers=0)
    run = score_ltv(store, as_of=AS_OF, horizons_days=HORIZONS_DAYS, seed=seed, engine=engine, who="ada")
    cut = Cut(AS_OF, run.spec.known_at)
    features = CUSTOMER.bulk(store.transactions(cut), cut, "UTC").read_all()
    scorer = BoostScorer(load(store.artifact(version)), HORIZONS_DAYS, AS_OF, seed)
    expected = pa.Table.from_batches(scorer.forecast(features.to_batches())).sort_by([(c.CUSTOMER_ID, "ascending")])
    stored = store.forecasts(run.run_id, features.column(c.CUSTOMER_ID).to_pylist(), None)
    stored = stored.sort_by([(c.CUSTOMER_ID, "ascending"), (c.HORIZON_DAYS, "ascending")])
    for name in ("value_mean", "purchases_mean", "value_q90"):
        np.testing.assert_allclose(stored.column(name).to_numpy(), expected.column(name).to_numpy(), rtol=1e-12)


def test_features_of_histories_in_a_request_are_those_of_the_log(store: Store) -> None:
    cut = Cut(AS_OF, store.champion(LTV_REVENUE).lineage.known_at)
    events = store.transactions(cut).read_all()
    bulk = CUSTOMER.bulk(events, cut, "UTC").read_all().slice(0, 20).combine_chunks().to_batches()[0]
    histories = [_history(events, customer) for customer in [*bulk.column(c.CUSTOMER_ID).to_pylist(), "nobody"]]
    assert CUSTOMER.of_some(histories, cut, "UTC").equals(bulk)


def _history(events: pa.Table, customer: str) -> History:
    rows = events.filter(pa.compute.equal(events.column(c.CUSTOMER_ID), customer))
    times = rows.column(c.TIME).cast(pa.timestamp("us")).to_numpy()
    return History(customer, times, rows.column(c.AMOUNT).to_numpy())


def test_another_method_than_that_of_its_anchor_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="laplace"):
        train_ltv(store, as_of=AS_OF, model="boost", method="map", who="ada")


def test_a_kind_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ArtifactMismatch, match="'forest'"):
        load(pack("forest", {}, {}))


def test_what_moves_a_customer_is_told_of_the_run_that_is_served(store: Store, version: ModelVersion) -> None:
    score_ltv(store, as_of=AS_OF, horizons_days=HORIZONS_DAYS, who="ada")
    cut = Cut(AS_OF, version.lineage.known_at)
    who = CUSTOMER.bulk(store.transactions(cut), cut, "UTC").read_all().column(c.CUSTOMER_ID)[0].as_py()
    found = customer_forecast(store, who)
    told = drivers_of(store, found)
    row = CUSTOMER.of_some([_history(store.transactions(cut).read_all(), who)], cut, "UTC")
    assert told == ready(load(store.artifact(version)), found.run.spec.seed).drivers(row, AS_OF)[0]
