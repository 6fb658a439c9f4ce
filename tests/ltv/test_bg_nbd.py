"""Closed forms of the BG/NBD against published equations, each other and their own limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta, gamma, hyp2f1

from farview.core.errors import InvalidInput
from ltv.bg_nbd import BgNbd, Histories, expected_purchases, log_likelihood, probability_alive, purchase_pmf
from tests.tiers import examples

CDNOW_WEEKS = BgNbd(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)
ODD_ROWS = [(221, 103.42857, 103.57143), (161, 94.71429, 98.0), (204, 98.57143, 99.42857)]

positive = st.floats(math.log(1e-3), math.log(1e3)).map(math.exp)
parameters = st.builds(BgNbd, r=positive, alpha=positive, a=positive, b=positive)
times = st.floats(0, 1e4)


@st.composite
def one_history(draw: st.DrawFn) -> Histories:
    frequency = draw(st.integers(0, 10_000))
    age = draw(times)
    recency = draw(st.floats(0, age)) if frequency else 0.0
    return histories((frequency, recency, age))


def histories(*rows: tuple[float, float, float]) -> Histories:
    return Histories(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))


def test_log_likelihood_is_the_logarithm_of_equation_6() -> None:
    r, alpha, a, b = 0.2426, 4.4136, 0.7929, 2.4259
    x, t_x, age = 3, 20.0, 38.86
    shared = gamma(r + x) * alpha**r / gamma(r)
    alive = beta(a, b + x) / beta(a, b) * shared / (alpha + age) ** (r + x)
    dropped = beta(a + 1, b + x - 1) / beta(a, b) * shared / (alpha + t_x) ** (r + x)
    assert log_likelihood(CDNOW_WEEKS, histories((x, t_x, age)))[0] == pytest.approx(
        math.log(alive + dropped), rel=1e-13
    )


def test_parameters_with_a_draw_axis_give_one_row_of_likelihoods_a_draw() -> None:
    draws = np.array([[0.2426, 4.4136, 0.7929, 2.4259], [0.5, 3.0, 1.0, 2.0]])
    rows = histories((0, 0.0, 10.0), (3, 20.0, 38.86))
    both = log_likelihood(BgNbd.of_draws(draws), rows)
    assert np.array_equal(both, np.stack([log_likelihood(BgNbd(*draw), rows) for draw in draws.tolist()]))


def test_customers_of_fader_hardie_lee_2005_buy_as_their_spreadsheet_says() -> None:
    # Their worked example: x = 2, t_x = 30.43, T = 38.86 buys 1.226 times in the next 39 weeks.
    assert expected_purchases(CDNOW_WEEKS, histories((2, 30.43, 38.86)), 39.0)[0] == pytest.approx(1.226, abs=1e-3)


@pytest.mark.parametrize("row", ODD_ROWS)
def test_rows_that_broke_another_package_have_finite_answers(row: tuple[float, float, float]) -> None:
    one = histories(row)
    answers = [
        log_likelihood(CDNOW_WEEKS, one),
        probability_alive(CDNOW_WEEKS, one),
        expected_purchases(CDNOW_WEEKS, one, 39.0),
    ]
    assert np.all(np.isfinite(answers))


def test_a_last_purchase_after_now_is_refused_with_its_row() -> None:
    with pytest.raises(InvalidInput, match=r"rows\[1\].*97\.4286.*97\.2857"):
        histories((0, 0.0, 1.0), (254, 97.42857, 97.28571))


@given(parameters, one_history())
@settings(max_examples=examples(ci=200, soak=10_000))
def test_log_likelihood_is_finite_for_counts_and_ages_up_to_ten_thousand(params: BgNbd, history: Histories) -> None:
    assert np.isfinite(log_likelihood(params, history)).all()


@given(parameters, one_history(), st.floats(0.01, 100))
@settings(max_examples=examples(ci=200, soak=10_000))
def test_the_unit_of_time_changes_the_likelihood_by_its_jacobian_only(
    params: BgNbd, history: Histories, unit: float
) -> None:
    other = BgNbd(params.r, params.alpha / unit, params.a, params.b)
    scaled = Histories(history.frequency, history.recency / unit, history.age / unit)
    expected = log_likelihood(params, history) + history.frequency * math.log(unit)
    assert log_likelihood(other, scaled) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(parameters, one_history())
@settings(max_examples=examples(ci=200, soak=10_000))
def test_probability_alive_is_a_probability(params: BgNbd, history: Histories) -> None:
    alive = probability_alive(params, history)
    assert np.all((alive >= 0) & (alive <= 1))


@given(parameters, times)
@settings(max_examples=examples(ci=50, soak=2000))
def test_a_customer_without_repeat_purchase_is_alive(params: BgNbd, age: float) -> None:
    assert probability_alive(params, histories((0, 0.0, age)))[0] == 1.0


@given(parameters, one_history(), st.lists(st.floats(0, 3650), min_size=2, max_size=5).map(sorted))
@settings(max_examples=examples(ci=200, soak=10_000))
def test_expected_purchases_grow_with_the_horizon(params: BgNbd, history: Histories, horizons: list[float]) -> None:
    expected = [expected_purchases(params, history, horizon)[0] for horizon in horizons]
    slack = 1e-9 * (1 + np.array(expected[1:]))
    assert np.all(np.isfinite(expected))
    assert np.all(np.diff(expected) >= -slack)


@given(parameters, st.floats(0.1, 2000))
@settings(max_examples=examples(ci=200, soak=10_000))
def test_expected_purchases_never_exceed_those_of_a_customer_who_cannot_drop_out(params: BgNbd, horizon: float) -> None:
    expected = expected_purchases(params, histories((0, 0.0, 0.0)), horizon)[0]
    assert 0 < expected <= params.r * horizon / params.alpha * (1 + 1e-9)


@pytest.mark.parametrize(
    ("params", "horizon"),
    [
        (BgNbd(0.2426, 4.4136, 0.7929, 2.4259), 39.0),
        (BgNbd(5.24, 40.4, 0.79, 7.43), 39.0),
        (BgNbd(0.2426, 4.4136, 1.0, 2.4259), 39.0),  # eq. (10) as printed divides by a - 1
        (BgNbd(0.3, 2.0, 0.4, 0.6), 4.0),  # and by a + b - 1
        (BgNbd(100.0, 4.4, 0.79, 2.43), 39.0),
        (BgNbd(10_000.0, 10_004.0, 0.79, 10_002.0), 500.0),
        (BgNbd(10_000.0, 100.0, 0.8, 1.0), 3.0),
        (BgNbd(0.01, 4.4, 30.0, 2.43), 39.0),
        (BgNbd(50.0, 40.0, 300.0, 0.1), 390.0),
    ],
)
def test_expected_purchases_equal_the_sum_of_n_times_its_probability(params: BgNbd, horizon: float) -> None:
    n_max = 6000
    pmf = purchase_pmf(params, horizon, n_max)
    expected = expected_purchases(params, histories((0, 0.0, 0.0)), horizon)[0]
    assert expected == pytest.approx(float(pmf @ np.arange(n_max + 1)), rel=1e-8)


@given(
    st.builds(
        BgNbd,
        r=st.floats(0.05, 10),
        alpha=st.floats(1, 100),
        a=st.one_of(st.floats(0.05, 0.95), st.floats(1.05, 5)),
        b=st.floats(1.1, 20),
    ),
    st.floats(1, 100),
)
@settings(max_examples=examples(ci=100, soak=5000))
def test_expected_purchases_equal_equation_10_where_that_is_well_conditioned(params: BgNbd, horizon: float) -> None:
    z = horizon / (params.alpha + horizon)
    r, a, b = params.r, params.a, params.b
    printed = (a + b - 1) / (a - 1) * (1 - (1 - z) ** r * hyp2f1(r, b, a + b - 1, z))
    assert expected_purchases(params, histories((0, 0.0, 0.0)), horizon)[0] == pytest.approx(printed, rel=1e-6)


@given(parameters, st.floats(0.1, 50))
@settings(max_examples=examples(ci=60, soak=2000))
def test_expected_purchases_are_an_average_over_dropout_probabilities(params: BgNbd, horizon: float) -> None:
    # Given rate and dropout probability p, E N = (1 - e^(-rate p h)) / p; over the rate (1 - (1 + p h/alpha)^-r) / p.
    shape = np.minimum(np.maximum([params.a, params.b], 0.2), 50)
    limited = BgNbd(params.r, params.alpha, *shape.tolist())

    def integrand(log_odds: float) -> float:
        p, rest = 1 / (1 + math.exp(-log_odds)), 1 / (1 + math.exp(log_odds))
        density = math.exp(shape[0] * math.log(p) + shape[1] * math.log(rest)) / beta(*shape)
        return float(density * -math.expm1(-params.r * math.log1p(p * horizon / params.alpha)) / p)

    integral = sum(quad(integrand, low, low + 10, limit=200)[0] for low in range(-170, 170, 10))
    assert expected_purchases(limited, histories((0, 0.0, 0.0)), horizon)[0] == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("horizon", [0.0, 1.0, 39.0, 1000.0])
def test_purchase_probabilities_sum_to_one(horizon: float) -> None:
    pmf = purchase_pmf(CDNOW_WEEKS, horizon, 20_000)
    assert pmf.sum() == pytest.approx(1.0, abs=1e-12)


def test_nobody_buys_in_no_time() -> None:
    assert expected_purchases(CDNOW_WEEKS, histories((2, 30.43, 38.86)), 0.0)[0] == 0.0
