"""Scenarios: unchanged they are the forecast, and each lever moves what it should by what it should."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betaln

from farview.core.errors import FailedPrecondition, InvalidInput
from ltv.effects import Effects, Factor
from ltv.expected_flow import LeavingAfterPurchases, flows_of
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.period import TOTAL_DRAWS, period_factors
from ltv.scenarios import Change, effect
from ltv.scorer import Scorer
from tests.ltv.cdnow import calibration
from tests.tiers import examples

MODELS = ("bg_nbd", "mbg_nbd", "bg_nbd+first_spend", "pareto_nbd", "bg_bb")
WEEK = 7  # an opportunity of the BG/BB


@pytest.fixture(scope="module")
def customers(cdnow_sample: Path) -> pa.Table:
    return calibration(cdnow_sample).slice(0, 300)


@pytest.fixture(scope="module")
def by_week(cdnow_sample: Path) -> pa.Table:
    return calibration(cdnow_sample, WEEK).slice(0, 300)


@pytest.fixture(scope="module")
def models(cdnow_sample: Path) -> dict[str, BtydModel]:
    periods = {name: WEEK if name == "bg_bb" else 1 for name in MODELS}
    return {name: fit(calibration(cdnow_sample, periods[name]), model=name, method="map") for name in MODELS}


@pytest.fixture(scope="module")
def asked(customers: pa.Table, by_week: pa.Table) -> dict[str, pa.Table]:
    """The customers as each model reads them."""
    return {name: by_week if name == "bg_bb" else customers for name in MODELS}


def everybody(customers: pa.Table) -> np.ndarray:
    return np.ones(customers.num_rows, dtype=np.bool_)


@pytest.mark.parametrize("name", MODELS)
def test_without_a_change_totals_are_those_of_the_forecast(
    name: str, asked: dict[str, pa.Table], models: dict[str, BtydModel]
) -> None:
    customers = asked[name]
    found = effect(models[name], customers, Change(), everybody(customers), 275)
    scored = pa.Table.from_batches(Scorer(models[name], [275], date(1997, 9, 30), 0).forecast(customers.to_batches()))
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


def test_of_a_bg_bb_a_chance_k_times_as_high_is_at_most_one(by_week: pa.Table, models: dict[str, BtydModel]) -> None:
    model, one = models["bg_bb"], by_week.slice(7, 1)
    alpha, beta, gamma, delta = model.purchase_draws[0]
    x, n = one["frequency"][0].as_py(), round(one["age_days"][0].as_py() / WEEK)
    chance = stats.beta(alpha + x, beta + n - x)
    bought = chance.expect(lambda p: np.minimum(12.0 * p, 1.0))
    opportunities = np.exp(betaln(gamma, delta + n + np.arange(1, 11)) - betaln(gamma, delta + n))
    found = effect(model, one, Change(purchase_rate=12.0), everybody(one), 10 * WEEK)
    scored = pa.Table.from_batches(Scorer(model, [WEEK], date(1997, 9, 30), 0).forecast(one.to_batches()))
    alive = scored["p_alive"].to_numpy()[0]
    assert found.after[0, 0] == pytest.approx(alive * bought * opportunities.sum(), rel=1e-3)


def test_of_a_bg_bb_those_who_never_leave_have_every_opportunity(
    by_week: pa.Table, models: dict[str, BtydModel]
) -> None:
    model, few = models["bg_bb"], by_week.slice(0, 40)
    found = effect(model, few, Change(churn=0.0), everybody(few), 90).after[0, 0]
    scored = pa.Table.from_batches(Scorer(model, [90], date(1997, 9, 30), 0).forecast(few.to_batches()))
    alpha, beta = model.purchase_draws[0, :2]
    x, n = few["frequency"].to_numpy(), few["age_days"].to_numpy() / WEEK
    chance = (alpha + x) / (alpha + beta + n)
    assert found == pytest.approx((scored["p_alive"].to_numpy() * chance).sum() * 90 / WEEK, rel=1e-4)


def test_each_kind_of_customers_changes_by_its_own_process(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    kinds = np.array(["a", "b", "unheard of"])[np.arange(customers.num_rows) % 3]
    asked = customers.append_column("kind", pa.array(kinds))
    factors = (Factor("kind", ("a", "b"), pooled=False),)
    model = replace(
        models["bg_nbd"], effects=Effects(factors, np.array([[0.5, -0.5, 0.0]]), np.array([[0.2, 0.0, 0.1]]))
    )
    change, some = Change(churn=0.7, spend=1.1), np.arange(customers.num_rows) % 2 == 0
    together = effect(model, asked, change, some, 90)
    apart = [
        effect(model.of_group((level,)), asked.filter(pa.array(kinds == name)), change, some[kinds == name], 90)
        for level, name in (("a", "a"), ("b", "b"), ("", "unheard of"))
    ]
    assert together.before == pytest.approx(sum(found.before for found in apart))
    assert together.after == pytest.approx(sum(found.after for found in apart))


def test_what_the_period_shares_multiplies_both_states(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    model, change = models["bg_nbd"], Change(spend=1.2)
    without = effect(model, customers, change, everybody(customers), 90)
    shared = effect(replace(model, period_sd=0.2), customers, change, everybody(customers), 90, seed=3)
    factors = period_factors(0.2, TOTAL_DRAWS, seed=3)
    assert shared.before == pytest.approx(without.before * factors)
    assert shared.after == pytest.approx(without.after * factors)


def test_after_one_repeat_purchase_a_chance_to_stay_however_small_counts() -> None:
    flow = LeavingAfterPurchases(np.array([[1.0, 10.0, 1e-17, 1e-17]]), may_leave_at_first=False)
    alive = flow.alive(np.array([1.0]), np.array([5.0]), np.array([20.0]))
    assert alive == pytest.approx(1 / (1 + (30 / 15) ** 2))


@pytest.mark.parametrize("name", ["mbg_nbd", "pareto_nbd", "bg_bb"])
@settings(max_examples=examples(ci=15, soak=300))
@given(st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.integers(1, 2000))
def test_less_churn_never_means_fewer_purchases(
    name: str, asked: dict[str, pa.Table], models: dict[str, BtydModel], one: float, other: float, days: int
) -> None:
    few = asked[name].slice(0, 20)
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
        flows_of(other, customers, np.zeros(1, dtype=np.int64))


def test_an_empty_horizon_is_refused(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    with pytest.raises(InvalidInput, match="horizon_days: must be 1 or more"):
        effect(models["bg_nbd"], customers, Change(), everybody(customers), 0)
