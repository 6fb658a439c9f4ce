"""Models that read more than plain histories, from training to forecasts: kinds of customers, merged purchases."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from jobs.fit_ltv import customers_for
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.net_value import NetValueSpec, net_values
from jobs.reproduce import reproduce
from jobs.scenario import ScenarioSpec, scenario
from jobs.score import score_ltv
from jobs.snapshot import cut_of
from jobs.train import train_ltv
from ltv.effects import Kinds
from ltv.net_value import Terms
from ltv.registered import load
from ltv.scenarios import Change
from ltv.scorer import Scorer

AS_OF = date(1997, 9, 30)


@pytest.fixture
def described(small: Store, tmp_path: Path) -> Store:
    """Two thirds of the customers have a segment."""
    ids = customers_for(small, cut_of(small, AS_OF, None), {})[c.CUSTOMER_ID].to_pylist()
    lines = [f"{customer},{('north', 'south')[i % 2]}" for i, customer in enumerate(ids) if i % 3]
    path = tmp_path / "customers.csv"
    path.write_text("\n".join(["customer_id,segment", *lines]) + "\n")
    import_file(small, KINDS["customers"], path, FileOptions(), who="ada")
    return small


def published_and_direct(store: Store, version: ModelVersion) -> tuple[list[float], list[float]]:
    """Expected purchases of a published run, and of the model asked directly, by customer."""
    run = score_ltv(store, as_of=AS_OF, horizons_days=(90,), who="ada")
    table = store.run_table(run.run_id, 90, [c.CUSTOMER_ID, "purchases_mean"]).sort_by(c.CUSTOMER_ID)
    customers = customers_for(store, cut_of(store, AS_OF, None), version.lineage.configuration)
    scorer = Scorer(load(store.artifact(version)), [90], AS_OF, 0)
    direct = pa.Table.from_batches(scorer.forecast(customers.combine_chunks().to_batches())).sort_by(c.CUSTOMER_ID)
    assert table[c.CUSTOMER_ID].to_pylist() == direct[c.CUSTOMER_ID].to_pylist()
    return table["purchases_mean"].to_pylist(), direct["purchases_mean"].to_pylist()


def test_customers_differ_by_attribute_and_cohort_from_training_to_forecasts(described: Store) -> None:
    version = train_ltv(described, as_of=AS_OF, method="map", kinds=Kinds(("segment",), c.COHORT), who="ada")
    assert version.lineage.configuration == {
        "model": "bg_nbd", "method": "map", "covariates": "segment", "pool_by": "cohort"
    }  # fmt: skip
    published, direct = published_and_direct(described, version)
    assert published == pytest.approx(direct, rel=1e-12)
    assert reproduce(described, LTV_REVENUE, version.version, who="ada").same_bytes
    with pytest.raises(InvalidInput, match="--update: ltv-revenue/1 differs by segment and cohort"):
        train_ltv(described, as_of=AS_OF, update=1.0, who="ada")


@pytest.mark.parametrize(
    "asked", [{"model": "bg_bb", "period": 14}, {"model": "bg_nbd", "kinds": Kinds(("segment",), c.COHORT)}]
)
def test_what_ifs_and_net_value_read_customers_as_the_forecast_does(asked: dict[str, Any], described: Store) -> None:
    train_ltv(described, as_of=AS_OF, method="map", who="ada", **asked)
    run = score_ltv(described, as_of=AS_OF, horizons_days=(90,), who="ada")
    forecast = described.run_table(run.run_id, 90, [c.CUSTOMER_ID, "value_mean"]).sort_by(c.CUSTOMER_ID)
    terms = NetValueSpec(Terms(discount_rate=0.0), horizons_days=(90,), as_of=AS_OF)
    worth = net_values(described, terms).customers.sort_by(c.CUSTOMER_ID)
    assert worth[c.CUSTOMER_ID].to_pylist() == forecast[c.CUSTOMER_ID].to_pylist()
    assert worth["gross_value"].to_numpy() == pytest.approx(forecast["value_mean"].to_numpy(), rel=5e-3)
    before = scenario(described, ScenarioSpec(Change(), horizon_days=90, as_of=AS_OF))["value"]["before"]["mean"]
    assert before == pytest.approx(forecast["value_mean"].to_numpy().sum(), rel=5e-3)


def test_purchases_are_merged_by_the_model_s_periods_from_training_to_forecasts(small: Store) -> None:
    version = train_ltv(small, as_of=AS_OF, model="bg_bb", method="map", period=14, who="ada")
    assert version.lineage.configuration["period_days"] == "14"
    published, direct = published_and_direct(small, version)
    assert published == pytest.approx(direct, rel=1e-12)
    assert reproduce(small, LTV_REVENUE, version.version, who="ada").same_bytes


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"kinds": Kinds(("colour",))}, "no customer has 'colour'"),
        ({"period": 7}, "--period-days: is of bg_bb alone"),
        ({"model": "bg_bb", "period": 0}, "--period-days: must be 1 to 366; got 0"),
    ],
)
def test_what_cannot_be_read_is_refused(asked: dict[str, object], problem: str, small: Store) -> None:
    with pytest.raises(InvalidInput, match=problem):
        train_ltv(small, as_of=AS_OF, method="map", who="ada", **asked)  # type: ignore[arg-type]
