"""Spend that first purchases teach too: its likelihood, its gradient, what it learns."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma as gamma_distribution

from ltv import first_spend, gamma_gamma
from ltv.fit import fit
from ltv.rows import first_spend_rows, spend_rows
from tests.ltv.cdnow import rfm_table
from tests.tiers import examples

positive = st.floats(math.log(0.05), math.log(50.0)).map(math.exp)
parameters = st.tuples(positive, positive, positive, positive, positive).map(
    lambda p: np.array([p[0], 1 + p[1], p[2], p[3], p[4]])
)
customers = st.tuples(st.integers(0, 6), st.floats(0.5, 80.0), st.one_of(st.just(0.0), st.floats(0.5, 80.0)))
tables = st.lists(customers, min_size=1, max_size=8).map(
    lambda rows: rfm_table(
        [(x, 1.0 if x else 0.0, 1.0) for x, _, _ in rows], [m if x else 0.0 for x, m, _ in rows], [y for *_, y in rows]
    )
)


def likelihood_by_integration(params: np.ndarray, x: int, mean: float, first: float) -> float:
    """Log density of a mean spend and a first purchase, the spend level integrated out numerically."""
    p, q, v, f, ratio = params

    def density(log_nu: float) -> float:
        nu = math.exp(log_nu)
        total = gamma_distribution.pdf(nu, q, scale=1 / v) * nu
        if x:
            total *= gamma_distribution.pdf(mean, p * x, scale=1 / (x * nu))
        if first:
            total *= gamma_distribution.pdf(first, f, scale=ratio * p / (f * nu))
        return float(total)

    grid = np.linspace(-12, 8, 400)
    peak = float(grid[np.argmax([density(at) for at in grid])])
    return math.log(quad(density, peak - 6, peak + 6, points=[peak], limit=400, epsrel=1e-10)[0])


@pytest.mark.parametrize("customer", [(0, 0.0, 30.0), (3, 20.0, 0.0), (1, 50.0, 8.0), (6, 12.0, 40.0)])
def test_the_likelihood_is_the_density_with_the_level_integrated_out(customer: tuple[int, float, float]) -> None:
    x, mean, first = customer
    params = np.array([4.0, 3.5, 15.0, 2.0, 0.8])
    rows = first_spend_rows(rfm_table([(x, float(x > 0), 1.0)], [mean], [first]))
    value = first_spend.log_likelihood(params[None], rows)[0]
    assert value == pytest.approx(likelihood_by_integration(params, x, mean, first), rel=1e-7)


@given(parameters, tables)
@settings(max_examples=examples(ci=60, soak=5_000))
def test_without_first_purchases_it_is_the_gamma_gamma(params: np.ndarray, table) -> None:  # type: ignore[no-untyped-def]
    unpaid = table.set_column(table.schema.get_field_index("first_spend"), "first_spend", [np.zeros(table.num_rows)])
    one = first_spend.log_likelihood(params[None], first_spend_rows(unpaid))[0]
    other = gamma_gamma.log_likelihood(params[None, :3], spend_rows(unpaid))[0]
    assert one == pytest.approx(other, rel=1e-9, abs=1e-8)


@given(parameters, tables)
@settings(max_examples=examples(ci=60, soak=5_000))
def test_the_gradient_is_the_slope_of_the_likelihood(params: np.ndarray, table) -> None:  # type: ignore[no-untyped-def]
    rows = first_spend_rows(table)
    value, gradient = first_spend.log_likelihood_and_gradient(params, rows)
    step = 1e-4
    at = params * np.exp(step * np.concatenate([np.eye(5), -np.eye(5)]))
    up, down = first_spend.log_likelihood(at, rows).reshape(2, 5)
    scale = float(np.abs(gradient * params).max()) + 1e-9 * abs(value) / step
    np.testing.assert_allclose(gradient * params, (up - down) / (2 * step), rtol=1e-4, atol=1e-5 * (1 + scale))


def test_known_parameters_are_found_again() -> None:
    """4,000 customers, two thirds without repeats: each parameter within four posterior sds of the truth."""
    random = np.random.default_rng(3)
    truth, count = np.array([5.0, 3.5, 20.0, 2.5, 0.7]), 4_000
    p, q, v, f, ratio = truth
    nu = random.gamma(q, 1 / v, count)
    x = np.where(random.random(count) < 0.67, 0, random.geometric(0.3, count))
    mean = np.where(x > 0, random.gamma(np.maximum(p * x, 1)) / np.maximum(x, 1) / nu, 0.0)
    first = random.gamma(f, ratio * p / (f * nu))
    table = rfm_table([(int(n), float(n > 0), 1.0) for n in x], mean.tolist(), first.tolist())
    spend = fit(table, model="bg_nbd+first_spend").diagnostics.spend
    distance = (np.array(spend.posterior_mean) - truth) / np.array(spend.posterior_sd)
    assert np.all(np.abs(distance) < 4.0)
    assert np.all(np.array(spend.posterior_sd) < 0.2 * truth)


def test_a_large_first_purchase_raises_the_forecast_of_who_never_came_back() -> None:
    from tests.ltv.predictive import forecast, known_model

    model = known_model(spend="first_spend")
    none, small, large = forecast(model, rfm_table([(0, 0.0, 100.0)] * 3, firsts=[0.0, 5.0, 200.0]), [365]).to_pylist()
    assert small["value_mean"] < none["value_mean"] < large["value_mean"]
    assert small["purchases_mean"] == large["purchases_mean"]
