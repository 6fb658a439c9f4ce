"""Scenarios: unchanged they are the forecast, and each lever moves what it should by what it should."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import FailedPrecondition, InvalidInput
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.scenarios import Change, effect
from ltv.scorer import Scorer
from tests.ltv.cdnow import calibration
from tests.tiers import examples

MODELS = ("bg_nbd", "mbg_nbd", "bg_nbd+first_spend", "pareto_nbd")


@pytest.fixture(scope="module")
def customers(cdnow_sample: Path) -> pa.Table:
    return calibration(cdnow_sample).slice(0, 300)


@pytest.fixture(scope="module")
def models(cdnow_sample: Path) -> dict[str, BtydModel]:
    return {name: fit(calibration(cdnow_sample), model=name, method="map") for name in MODELS}


def everybody(customers: pa.Table) -> np.ndarray:
    return np.ones(customers.num_rows, dtype=np.bool_)


@pytest.mark.parametrize("name", MODELS)
def test_without_a_change_totals_are_those_of_the_forecast(
    name: str, customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    found = effect(models[name], customers, Change(), everybody(customers), 273)
    scored = pa.Table.from_batches(Scorer(models[name], [273], date(1997, 9, 30), 0).forecast(customers.to_batches()))
    totals = [scored.column(f"{measure}_mean").to_numpy().sum() for measure in ("purchases", "value")]
    assert np.array_equal(found.before, found.after)
    assert found.before.mean(axis=1) == pytest.approx(totals, rel=2e-3)


def change_of(customers: pa.Table, model: BtydModel, change: Change, days: int = 180) -> np.ndarray:
    found = effect(model, customers, change, everybody(customers), days)
    return found.after.mean(axis=1) / found.before.mean(axis=1)


def test_spend_scales_value_and_leaves_purchases(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    assert change_of(customers, models["bg_nbd"], Change(spend=1.25)) == pytest.approx([1.0, 1.25])


def test_a_rate_k_times_as_high_is_a_horizon_k_times_as_long(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    faster = effect(models["bg_nbd"], customers, Change(purchase_rate=2.0), everybody(customers), 100).after
    longer = effect(models["bg_nbd"], customers, Change(), everybody(customers), 200).before
    assert faster == pytest.approx(longer)


def test_a_price_moves_amounts_by_itself_and_purchases_by_its_elasticity(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    dearer = effect(models["bg_nbd"], customers, Change(price=1.1, elasticity=-2.0), everybody(customers), 100).after
    rarer = effect(
        models["bg_nbd"], customers, Change(purchase_rate=1.1**-2, spend=1.1), everybody(customers), 100
    ).after
    assert dearer == pytest.approx(rarer)


def test_those_who_never_leave_buy_at_their_rate(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    model = models["bg_nbd"]
    found = effect(model, customers.slice(0, 1), Change(churn=0.0), np.ones(1, dtype=np.bool_), 90).after[0, 0]
    r, alpha, a, b = model.purchase_draws[0]
    x, recency, age = (float(customers.column(name)[0].as_py()) for name in ("frequency", "recency_days", "age_days"))
    odds = a / (b + x - 1) * ((alpha + age) / (alpha + recency)) ** (r + x) if x else 0.0
    assert found == pytest.approx((r + x) / (alpha + age) * 90 / (1 + odds))


def test_of_a_pareto_nbd_a_rate_k_times_as_high_is_k_times_the_purchases(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    change = Change(purchase_rate=1.7)
    assert change_of(customers, models["pareto_nbd"], change) == pytest.approx([1.7, 1.7])


def test_of_a_pareto_nbd_those_who_never_leave_buy_at_their_rate(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    model = models["pareto_nbd"]
    few = customers.slice(0, 40)
    found = effect(model, few, Change(churn=0.0), everybody(few), 90).after[0, 0]
    scored = pa.Table.from_batches(Scorer(model, [90], date(1997, 9, 30), 0).forecast(few.to_batches()))
    r, alpha = model.purchase_draws[0, :2]
    x, age = (few.column(name).to_numpy() for name in ("frequency", "age_days"))
    assert found == pytest.approx((scored.column("p_alive").to_numpy() * (r + x) / (alpha + age) * 90).sum(), rel=1e-4)


@pytest.mark.parametrize("name", ["mbg_nbd", "pareto_nbd"])
@settings(max_examples=examples(ci=15, soak=300))
@given(st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.integers(1, 2000))
def test_less_churn_never_means_fewer_purchases(
    name: str, customers: pa.Table, models: dict[str, BtydModel], one: float, other: float, days: int
) -> None:
    few = customers.slice(0, 20)
    easier, harder = (
        effect(models[name], few, Change(churn=churn), everybody(few), days).after for churn in sorted((one, other))
    )
    assert np.all(easier >= harder * (1 - 1e-9))
    assert np.all(np.isfinite(easier))
    assert np.all(harder >= 0)


def test_a_change_for_some_leaves_the_others(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    some = np.arange(customers.num_rows) % 3 == 0
    change, model = Change(purchase_rate=1.5), models["bg_nbd"]
    part = customers.filter(pa.array(some))
    gap = effect(model, customers, change, some, 90)
    alone = effect(model, part, change, everybody(part), 90)
    assert gap.after - gap.before == pytest.approx(alone.after - alone.before)


def test_pairing_draws_makes_the_change_surer_than_either_total(customers: pa.Table, cdnow_sample: Path) -> None:
    found = effect(fit(calibration(cdnow_sample)), customers, Change(spend=1.05), everybody(customers), 180)
    assert (found.after - found.before)[1].std() < 0.1 * found.before[1].std()


@pytest.mark.parametrize(
    ("lever", "problem"),
    [
        ({"churn": -1.0}, "churn: must be a number from 0 to 1,000; got -1"),
        ({"spend": float("nan")}, "spend: must be"),
        ({"price": 0.0}, "price: must be above 0"),
        ({"elasticity": float("inf")}, "elasticity: must be a number from -20 to 20"),
        ({"purchase_rate": 1e300}, "purchase_rate: must be a number from 0 to 1,000"),
    ],
)
def test_a_lever_that_cannot_be_is_named(lever: dict[str, float], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        Change(**lever)


def test_a_purchase_process_that_leaves_otherwise_is_refused(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    other = replace(models["bg_nbd"], purchases="another")
    with pytest.raises(FailedPrecondition, match="another cannot be scaled"):
        effect(other, customers, Change(), everybody(customers), 10)


def test_an_empty_horizon_is_refused(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    with pytest.raises(InvalidInput, match="horizon_days: must be 1 or more"):
        effect(models["bg_nbd"], customers, Change(), everybody(customers), 0)
