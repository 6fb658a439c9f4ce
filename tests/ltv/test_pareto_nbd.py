"""Pareto/NBD: published figures, its integral, its likelihood and gradient, its closed forms."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1

from ltv import pareto_nbd_likelihood
from ltv.decay_integral import log_integral
from ltv.fit import fit
from ltv.pareto_nbd import log_odds_of_dropout, moments_of_life, moments_while_alive
from ltv.rows import purchase_rows
from tests.ltv.cdnow import DAYS_PER_WEEK, calibration, rfm_table
from tests.ltv.test_bg_nbd_likelihood import parameters, tables
from tests.tiers import examples

CDNOW = np.array([0.5532, 10.576, 0.606, 11.67])  # weeks
NOTHING = np.empty(0)

log_uniform = lambda low, high: st.floats(math.log(low), math.log(high)).map(math.exp)  # noqa: E731


def test_cdnow_sample_has_the_published_likelihood(cdnow_sample: Path) -> None:
    rows = purchase_rows(calibration(cdnow_sample)).in_units(DAYS_PER_WEEK)
    assert pareto_nbd_likelihood.log_likelihood(CDNOW[None], rows)[0] == pytest.approx(-9594.976, abs=0.001)


def test_cdnow_sample_maximum_is_the_published_one(cdnow_sample: Path) -> None:
    model = fit(calibration(cdnow_sample), model="pareto_nbd", method="map", flat_priors=True)
    in_weeks = model.purchase_draws[0] / np.array([1, DAYS_PER_WEEK, 1, DAYS_PER_WEEK])
    assert in_weeks == pytest.approx(CDNOW, rel=2e-3)


@given(log_uniform(0.05, 1e4), log_uniform(0.05, 50), *[log_uniform(0.05, 1e4)] * 2, log_uniform(1e-2, 1e4))
@settings(max_examples=examples(ci=60, soak=5_000), deadline=None)
def test_the_integral_is_that_of_a_general_rule(p: float, q: float, a: float, b: float, span: float) -> None:
    least = min(a, b)

    def over_log(y: float) -> float:
        grown = least * math.expm1(y)
        return math.exp(y - p * math.log1p(grown / a) - q * math.log1p(grown / b)) * least

    reach = math.log1p(span / least)
    ends = [0.0, *(k / (1 + p * least / a + q * least / b) for k in (1, 4, 16, 64)), reach]
    edges = sorted(end for end in ends if end <= reach)
    exact = sum(quad(over_log, *pair, epsabs=0, epsrel=1e-12)[0] for pair in pairwise(edges))
    assert log_integral((p, q), (a, b), span, NOTHING) == pytest.approx(math.log(exact), abs=1e-7)


@given(parameters, tables)
@settings(max_examples=examples(ci=80, soak=10_000))
def test_rows_together_and_one_by_one_have_one_likelihood(params: np.ndarray, table: pa.Table) -> None:
    rows = purchase_rows(table)
    together = pareto_nbd_likelihood.log_likelihood(params[None], rows)[0]
    one_by_one, gradient = pareto_nbd_likelihood.log_likelihood_and_gradient(params, rows)
    assert math.isfinite(together)
    assert np.all(np.isfinite(gradient))
    assert together == pytest.approx(one_by_one, rel=1e-9, abs=1e-7)


def test_the_gradient_is_the_slope_of_the_likelihood_on_cdnow(cdnow_sample: Path) -> None:
    rows = purchase_rows(calibration(cdnow_sample)).in_units(DAYS_PER_WEEK)
    for at in CDNOW * np.exp(np.random.default_rng(0).normal(0, 0.8, (8, 4))):
        _, gradient = pareto_nbd_likelihood.log_likelihood_and_gradient(at, rows)
        both = at * np.exp(1e-4 * np.concatenate([np.eye(4), -np.eye(4)]))
        up, down = pareto_nbd_likelihood.log_likelihood(both, rows).reshape(2, 4)
        assert gradient * at == pytest.approx((up - down) / 2e-4, rel=1e-4, abs=1e-4 * float(np.abs(gradient).max()))


@pytest.mark.parametrize("params", [(0.55, 10.6, 0.61, 11.7), (0.55, 11.7, 0.61, 10.6), (2.0, 30.0, 1.4, 5.0)])
@pytest.mark.parametrize("history", [(0, 0.0, 30.0), (2, 30.43, 38.86), (26, 30.86, 31.0)])
def test_the_odds_of_dropout_are_those_of_the_hypergeometric_form(
    params: tuple[float, float, float, float], history: tuple[int, float, float]
) -> None:
    """Fader, Hardie (2005), eqs. (18)-(20), where their 2F1 still has digits."""
    (r, alpha, s, beta), (x, recency, age) = params, history
    power, most = r + s + x, max(alpha, beta)

    def piece(t: float) -> float:
        second = s + 1 if alpha >= beta else r + x
        return float(hyp2f1(power, second, power + 1, abs(alpha - beta) / (most + t))) / (most + t) ** power

    odds = s / power * (piece(recency) - piece(age)) * (alpha + age) ** (r + x) * (beta + age) ** s
    assert log_odds_of_dropout(params, float(x), recency, age, NOTHING) == pytest.approx(math.log(odds), abs=1e-7)


@pytest.mark.parametrize("s", [0.3, 1.0, 1.0 + 1e-9, 2.0, 4.5])
@pytest.mark.parametrize("horizon", [1e-3, 5.0, 400.0, 1e5])
def test_moments_of_a_life_are_those_of_its_law(s: float, horizon: float) -> None:
    beta = 12.0

    def survives(t: float) -> float:
        return (beta / (beta + t)) ** s

    log_end = math.log1p(horizon / beta)
    pieces = [
        quad(lambda y, k=k: (k + 1) * t_of(y) ** k * survives(t_of(y)) * beta * math.exp(y), 0, log_end, epsrel=1e-11)[
            0
        ]
        for k in (0, 1)
    ]
    assert moments_of_life(s, beta, horizon) == pytest.approx(pieces, rel=1e-6)


def t_of(y: float) -> float:
    return 12.0 * math.expm1(y)


def test_expected_purchases_are_the_published_closed_form() -> None:
    """Fader, Hardie (2005), eq. (41) over P(alive)."""
    r, alpha, s, beta = CDNOW
    x, age, horizon = 2, 38.86, 39.0
    first, second = np.empty((2, 1))
    moments_while_alive(CDNOW[None], float(x), age, horizon, first, second)
    closed = (r + x) / (alpha + age) * (beta + age) / (s - 1)
    closed *= 1 - ((beta + age) / (beta + age + horizon)) ** (s - 1)
    assert first[0] == pytest.approx(closed, rel=1e-12)
    assert second[0] > first[0] ** 2


def test_known_parameters_are_found_again() -> None:
    """Simulated customers: each parameter within four posterior sds of the truth."""
    random = np.random.default_rng(5)
    truth, count = np.array([0.8, 25.0, 0.9, 90.0]), examples(ci=1_500, soak=4_000)
    rate, death = random.gamma(truth[0], 1 / truth[1], count), random.gamma(truth[2], 1 / truth[3], count)
    age = random.integers(100, 400, count).astype(float)
    life = np.minimum(random.exponential(size=count) / np.maximum(death, 1e-300), age)
    x = random.poisson(rate * life)
    # The last of x uniform arrivals within the life.
    recency = np.where(x > 0, life * random.random(count) ** (1 / np.maximum(x, 1)), 0.0)
    table = rfm_table(list(zip(x.tolist(), recency.tolist(), age.tolist(), strict=True)))
    part = fit(table, model="pareto_nbd").diagnostics.purchases
    assert part.method == "laplace"
    distance = (np.array(part.posterior_mean) - truth) / np.array(part.posterior_sd)
    assert np.all(np.abs(distance) < 4.0)
    assert np.all(np.array(part.posterior_sd) < 0.4 * truth)
