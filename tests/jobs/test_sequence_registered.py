"""A sequence network through the registry: trained once, then reproduced, examined, scored by, pooled."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cli.views import model_lines
from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from jobs.gate import gate
from jobs.local_engine import LocalEngine
from jobs.reproduce import reproduce
from jobs.score import score_ltv
from jobs.train import train_ltv
from ltv.inputs import SEQUENCES, History
from ltv.registered import load
from ltv.sequence_model import SequenceModel
from ltv.sequence_scorer import SequenceScorer

AS_OF = date(1997, 9, 30)
HORIZONS_DAYS = (30, 90)


@pytest.fixture(scope="module")
def store(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = shutil.copy(sales, tmp_path_factory.mktemp("gru") / "gru.db")
    opened = Store.open(f"sqlite:///{path}")
    train_ltv(opened, as_of=AS_OF, model="gru", seed=2, who="ada")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def version(store: Store) -> ModelVersion:
    return store.champion(LTV_REVENUE)


def test_it_is_registered_with_how_long_it_learnt(version: ModelVersion) -> None:
    assert version.model == "gru"
    assert version.metrics["epochs"] > 0
    assert version.artifact_size_bytes < 100_000
    assert any("epochs" in line for line in model_lines(version))


def test_it_comes_out_again_from_its_lineage(store: Store, version: ModelVersion) -> None:
    assert reproduce(store, LTV_REVENUE, version.version, who="ada").same_bytes


def test_it_passes_without_a_posterior_whose_convergence_could_be_examined(store: Store, version: ModelVersion) -> None:
    report = gate(store, LTV_REVENUE, version.version, who="ada")
    assert (report.passed, report.checks) == (True, [])


def test_a_run_holds_what_its_scorer_says(store: Store, version: ModelVersion) -> None:
    engine = LocalEngine(64, workers=0)
    run = score_ltv(store, as_of=AS_OF, horizons_days=HORIZONS_DAYS, seed=3, engine=engine, who="ada")
    cut = Cut(AS_OF, run.spec.known_at)
    rows = SEQUENCES.bulk(store.transactions(cut), cut, "UTC").read_all()
    model = load(store.artifact(version))
    assert isinstance(model, SequenceModel)
    expected = pa.Table.from_batches(SequenceScorer(model, HORIZONS_DAYS, AS_OF, 3).forecast(rows.to_batches()))
    stored = store.forecasts(run.run_id, rows.column(c.CUSTOMER_ID).to_pylist(), None)
    order = [(c.CUSTOMER_ID, "ascending"), (c.HORIZON_DAYS, "ascending")]
    stored, expected = stored.sort_by(order), expected.sort_by(order)
    for name in ("value_mean", "purchases_mean", "value_q90", "expected_value_q90"):
        np.testing.assert_allclose(stored.column(name).to_numpy(), expected.column(name).to_numpy(), rtol=1e-12)


def test_sequences_of_histories_in_a_request_are_those_of_the_log(store: Store, version: ModelVersion) -> None:
    cut = Cut(AS_OF, version.lineage.known_at)
    events = store.transactions(cut).read_all()
    bulk = SEQUENCES.bulk(events, cut, "UTC").read_all().slice(0, 20).combine_chunks().to_batches()[0]
    histories = [_history(events, customer) for customer in [*bulk.column(c.CUSTOMER_ID).to_pylist(), "nobody"]]
    assert SEQUENCES.of_some(histories, cut, "UTC").equals(bulk)
    assert SEQUENCES.of_some(histories[-1:], cut, "UTC").num_rows == 0


def _history(events: pa.Table, customer: str) -> History:
    rows = events.filter(pa.compute.equal(events.column(c.CUSTOMER_ID), customer))
    return History(customer, rows.column(c.TIME).cast(pa.timestamp("us")).to_numpy(), rows[c.AMOUNT].to_numpy())


def test_a_method_is_refused_since_it_has_no_posterior(store: Store) -> None:
    with pytest.raises(InvalidInput, match="no posterior"):
        train_ltv(store, as_of=AS_OF, model="gru", method="map", who="ada")
