"""Net value: closed forms, additivity, and what each term does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.integrate import quad
from scipy.special import hyperu

from farview.core.errors import InvalidInput
from ltv.effects import Effects, Factor
from ltv.expected_flow import Flow, flows_of
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.net_value import DAYS_PER_YEAR, GrossValue, Terms, gross_value
from ltv.period import TOTAL_DRAWS, period_factors
from ltv.returns import kept_share
from ltv.spend_level import SpendLevel
from tests.ltv.cdnow import calibration

PERIODS = {"bg_nbd": 1, "mbg_nbd+first_spend": 1, "pareto_nbd": 1, "bg_bb": 7}
"""Models, and by which days the purchases that they read are merged."""
SMOOTH = [name for name, days in PERIODS.items() if days == 1]  # in time
ONE = np.zeros(1, dtype=np.int64)


@pytest.fixture(scope="module")
def asked(cdnow_sample: Path) -> dict[str, pa.Table]:
    """Customers as each model reads them."""
    return {name: calibration(cdnow_sample, days).slice(0, 60) for name, days in PERIODS.items()}


@pytest.fixture(scope="module")
def customers(asked: dict[str, pa.Table]) -> pa.Table:
    return asked["bg_nbd"]


@pytest.fixture(scope="module")
def models(cdnow_sample: Path) -> dict[str, BtydModel]:
    return {name: fit(calibration(cdnow_sample, days), model=name, method="map") for name, days in PERIODS.items()}


def flow_of(model: BtydModel, customers: pa.Table) -> Flow:
    """The process of a model's customers, who do not differ by kinds, at its first draw."""
    flows, _ = flows_of(model, customers, ONE)
    return flows[0]


def found(model: BtydModel, customers: pa.Table, rate: float, *horizons: int) -> GrossValue:
    return gross_value(model, customers, Terms(discount_rate=rate), horizons)


def floats(customers: pa.Table, name: str) -> np.ndarray:
    return customers.column(name).to_numpy().astype(np.float64)


def test_beyond_any_day_a_pareto_nbd_has_the_published_residual_transactions(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    # DERT = P(alive) (r + x) / (alpha + T) delta^(s-1) (beta + T)^s Psi(s, s, delta (beta + T)); Fader, Hardie, Lee
    # (2005), Journal of Marketing Research 42(4), eq. (A2) over the likelihood. Here from a day on, so less D(1).
    model = models["pareto_nbd"]
    r, alpha, s, beta = model.purchase_draws[0]
    x, recency, age = (floats(customers, name) for name in ("frequency", "recency_days", "age_days"))
    delta = np.log1p(0.15) / DAYS_PER_YEAR
    z = delta * (beta + age)
    alive = flow_of(model, customers).alive(x, recency, age)[0]
    dert = alive * (r + x) / (alpha + age) * delta ** (s - 1) * (beta + age) ** s * hyperu(s, s, z)
    level = SpendLevel(model, ONE).of(x, floats(customers, "repeat_spend_mean"), floats(customers, "first_spend"))[0]
    got = found(model, customers, 0.15, 1)
    assert got.residual is not None
    assert got.residual + got.expected[:, 0] == pytest.approx(dert * level, rel=2e-3)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_discounted_sum_is_the_integral_of_its_definition(
    name: str, customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    few = customers.slice(0, 3)
    x, recency, age = (floats(few, column) for column in ("frequency", "recency_days", "age_days"))
    flow = flow_of(models[name], few)
    level = SpendLevel(models[name], ONE).of(x, floats(few, "repeat_spend_mean"), floats(few, "first_spend"))[0]
    delta = np.log1p(0.2) / DAYS_PER_YEAR
    alive, bought = flow.alive(x, recency, age)[0], flow.living(x, age)
    for i in range(3):
        area = quad(lambda t, i=i: np.exp(-delta * t) * bought(t)[0, i], 0.0, 400.0, epsrel=1e-10)[0]
        by_hand = alive[i] * level[i] * (np.exp(-delta * 400) * bought(400.0)[0, i] + delta * area)
        assert found(models[name], few, 0.2, 400).expected[i, 0] == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("name", PERIODS)
def test_gross_value_is_additive_over_intervals_and_grows(
    name: str, asked: dict[str, pa.Table], models: dict[str, BtydModel]
) -> None:
    stepwise = found(models[name], asked[name], 0.1, 30, 90, 365).expected
    at_once = found(models[name], asked[name], 0.1, 365).expected
    assert stepwise[:, -1:] == pytest.approx(at_once, rel=1e-6 if name in SMOOTH else 1e-4)
    assert np.all(np.diff(stepwise, axis=1) > 0)


def test_a_higher_discount_leaves_less_and_none_leaves_the_plain_forecast(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    plain, some, more = (found(models["bg_nbd"], customers, rate, 365) for rate in (0.0, 0.1, 0.3))
    assert np.all(plain.expected > some.expected)
    assert np.all(some.expected > more.expected)
    assert (plain.residual, plain.residual_totals, plain.beyond_span) == (None, None, None)
    x, recency, age = (floats(customers, name) for name in ("frequency", "recency_days", "age_days"))
    flow = flow_of(models["bg_nbd"], customers)
    expected = flow.alive(x, recency, age) * flow.living(x, age)(365.0)
    level = SpendLevel(models["bg_nbd"], ONE).of(
        x, floats(customers, "repeat_spend_mean"), floats(customers, "first_spend")
    )
    assert plain.expected[:, 0] == pytest.approx((expected * level)[0])


def test_totals_are_those_of_their_customers_whatever_the_groups(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    group = np.arange(customers.num_rows) % 3
    split = gross_value(models["bg_nbd"], customers, Terms(), (90, 365), group)
    for k in range(3):
        assert split.totals[k].mean(axis=-1) == pytest.approx(split.expected[group == k].sum(axis=0))
    assert split.residual is not None
    assert split.residual_totals is not None
    assert split.residual_totals.mean(axis=-1).sum() == pytest.approx(split.residual.sum())


def test_of_a_bg_bb_each_opportunity_is_discounted(asked: dict[str, pa.Table], models: dict[str, BtydModel]) -> None:
    """Within .1 %: a purchase is as likely on any day of its period."""
    model, few = models["bg_bb"], asked["bg_bb"]
    x, recency, age = (floats(few, name) for name in ("frequency", "recency_days", "age_days"))
    flow = flow_of(model, few)
    each = np.diff([np.zeros(60), *(flow.living(x, age)(7.0 * j)[0] for j in range(1, 53))], axis=0)
    middle = 1.1 ** -((7.0 * np.arange(52)[:, None] + 3.5) / DAYS_PER_YEAR)
    level = SpendLevel(model, ONE).of(x, floats(few, "repeat_spend_mean"), floats(few, "first_spend"))[0]
    by_hand = flow.alive(x, recency, age)[0] * (each * middle).sum(axis=0) * level
    assert found(model, few, 0.1, 364).expected[:, 0] == pytest.approx(by_hand, rel=1e-3)


def test_each_kind_of_customers_is_worth_what_its_own_process_says(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    kinds = np.array(["a", "b"])[np.arange(customers.num_rows) % 2]
    factors = (Factor("kind", ("a", "b"), pooled=False),)
    effects = Effects(factors, np.array([[0.5, -0.5, 0.0]]), np.array([[0.2, 0.0, 0.0]]))
    model, group = replace(models["bg_nbd"], effects=effects), np.arange(customers.num_rows) % 3
    mixed = customers.append_column("kind", pa.array(kinds))
    together = gross_value(model, mixed, Terms(), (90, 365), group)
    for kind in ("a", "b"):
        of_kind = kinds == kind
        apart = gross_value(
            model.of_group((kind,)), mixed.filter(pa.array(of_kind)), Terms(), (90, 365), group[of_kind]
        )
        assert together.expected[of_kind] == pytest.approx(apart.expected)
    for k in range(3):
        assert together.totals[k].mean(axis=-1) == pytest.approx(together.expected[group == k].sum(axis=0))


def test_totals_carry_what_the_period_shares_and_no_customer_does(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    group = np.arange(customers.num_rows) % 2
    without, shared = (
        gross_value(replace(models["pareto_nbd"], period_sd=sd), customers, Terms(), (90,), group, seed=4)
        for sd in (0.0, 0.2)
    )
    assert np.array_equal(shared.expected, without.expected)
    assert shared.totals == pytest.approx(without.totals * period_factors(0.2, TOTAL_DRAWS, seed=4))
    assert shared.residual_totals is not None
    assert np.std(np.log(shared.residual_totals[0])) == pytest.approx(0.2, rel=0.02)


def test_what_comes_later_than_the_data_reach_back_is_a_part_of_the_residual(
    customers: pa.Table, models: dict[str, BtydModel]
) -> None:
    got = found(models["pareto_nbd"], customers, 0.1, 90)
    assert got.beyond_span is not None
    assert got.residual_totals is not None
    assert np.all((got.beyond_span > 0) & (got.beyond_span < got.residual_totals))


def test_net_value_is_margin_on_what_is_kept_less_contacts_and_may_be_negative() -> None:
    terms = Terms(discount_rate=0.0, margin=0.5, contact_cost=2.0, contacts_per_year=12.0)
    year = DAYS_PER_YEAR
    assert terms.net(np.array([100.0, 10.0]), 0.8, year) == pytest.approx([0.5 * 80 - 24, 0.5 * 8 - 24])
    assert terms.net(np.array([100.0]), 0.8, None) == pytest.approx([40.0])


def test_discounted_contacts_cost_what_an_annuity_does() -> None:
    terms = Terms(discount_rate=0.1, contact_cost=1.0, contacts_per_year=1.0)
    paid = sum(1.1 ** -(day / DAYS_PER_YEAR) / DAYS_PER_YEAR for day in np.arange(0.5, 730.5))
    assert terms.contacts_cost(730) == pytest.approx(paid, rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"discount_rate": -0.1}, "discount_rate"), ({"margin": 0.0}, "margin"), ({"contact_cost": float("inf")}, "cost")],
)
def test_terms_that_cannot_be_are_named(wrong: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        Terms(**wrong)


def test_horizons_that_do_not_rise_are_refused(customers: pa.Table, models: dict[str, BtydModel]) -> None:
    with pytest.raises(InvalidInput, match="horizons_days"):
        found(models["bg_nbd"], customers, 0.1, 90, 30)


def test_the_kept_share_is_the_ratio_of_sums_with_its_error() -> None:
    random = np.random.default_rng(1)
    gross = random.gamma(2.0, 50.0, 20_000)
    net = gross * (1 - 0.3 * (random.random(20_000) < 0.5))
    share, error = kept_share(gross, net)
    resampled = [
        net[rows].sum() / gross[rows].sum() for rows in (random.integers(0, 20_000, 20_000) for _ in range(200))
    ]
    assert share == pytest.approx(0.85, abs=0.005)
    assert error == pytest.approx(np.std(resampled), rel=0.2)


def test_more_returned_than_bought_keeps_a_little_and_no_revenue_all() -> None:
    assert kept_share(np.array([10.0]), np.array([-5.0]))[0] == 0.02
    assert kept_share(np.zeros(3), np.zeros(3)) == (1.0, 0.0)
