"""Gamma-Gamma spend: published values, its density, its gradient."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma as gamma_distribution

from ltv import gamma_gamma
from ltv.gamma_gamma import GammaGamma, expected_level, log_density
from ltv.rows import spend_rows
from tests.ltv.cdnow import calibration, rfm_table
from tests.tiers import examples

CDNOW = GammaGamma(p=6.25, q=3.74, v=15.44)

positive = st.floats(math.log(1e-2), math.log(1e3)).map(math.exp)
parameters = st.tuples(positive, positive, positive).map(lambda p: np.array([p[0], 1 + p[1], p[2]]))
customers = st.tuples(
    st.one_of(st.integers(1, 5), st.integers(1, 10_000)), st.floats(math.log(1e-3), math.log(1e6)).map(math.exp)
)


def table_of(pairs: list[tuple[int, float]]) -> pa.Table:
    return rfm_table([(x, 1.0, 1.0) for x, _ in pairs], [spend for _, spend in pairs])


tables = st.lists(customers, min_size=1, max_size=10).map(table_of)


def test_cdnow_sample_has_the_published_likelihood(cdnow_sample: Path) -> None:
    rows = spend_rows(calibration(cdnow_sample))
    value = gamma_gamma.log_likelihood(np.array([[6.25, 3.74, 15.44]]), rows)[0]
    assert rows.customers == 946
    # Two printed digits of the parameters leave the likelihood .0015 below its maximum, -4055.918.
    assert value == pytest.approx(-4055.918, abs=0.002)


@pytest.mark.parametrize("frequency", [1, 4, 30])
def test_the_density_of_a_mean_spend_integrates_to_one(frequency: int) -> None:
    def density(log_spend: float) -> float:
        spend = np.array([math.exp(log_spend)])
        return math.exp(log_density(CDNOW, np.array([float(frequency)]), spend)[0]) * float(spend[0])

    assert quad(density, -10, 20, limit=200)[0] == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize(("frequency", "spend"), [(0.0, 0.0), (1.0, 20.0), (7.0, 55.0)])
def test_the_expected_level_is_the_posterior_mean_of_p_over_nu(frequency: float, spend: float) -> None:
    shape, rate = CDNOW.q + CDNOW.p * frequency, CDNOW.v + frequency * spend
    # nu | data ~ Gamma(q + p x, v + x m): the density of x m given nu is Gamma(p x, nu).
    posterior = gamma_distribution(shape, scale=1 / rate)
    mean = quad(lambda nu: CDNOW.p / nu * posterior.pdf(nu), 1e-9, posterior.ppf(1 - 1e-13), limit=500)[0]
    assert expected_level(CDNOW, np.array([frequency]), np.array([spend]))[0] == pytest.approx(mean, rel=1e-5)


def test_a_customer_without_repeats_is_expected_to_spend_the_population_mean() -> None:
    assert expected_level(CDNOW, np.zeros(1), np.zeros(1))[0] == pytest.approx(CDNOW.mean)


@given(parameters, tables)
@settings(max_examples=examples(ci=100, soak=10_000))
def test_the_weighted_sum_equals_the_sum_over_customers(params: np.ndarray, table: pa.Table) -> None:
    frequency = np.asarray(table["frequency"], dtype=np.float64)
    each = log_density(GammaGamma(*params.tolist()), frequency, np.asarray(table["repeat_spend_mean"]))
    total = gamma_gamma.log_likelihood(params[None], spend_rows(table))[0]
    # lgamma of arguments up to 1e7 rounds at 1e-9 times its size.
    assert total == pytest.approx(float(each.sum()), rel=1e-9, abs=1e-5)


def test_thousands_of_customers_who_share_a_row_count_as_often_as_they_are() -> None:
    one, params = table_of([(1, 20.0), (7, 35.0)]), np.array([[6.25, 3.74, 15.44]])
    many = pa.concat_tables([one] * 1000)
    thousandfold = 1000 * gamma_gamma.log_likelihood(params, spend_rows(one))
    assert gamma_gamma.log_likelihood(params, spend_rows(many)) == pytest.approx(thousandfold, rel=1e-12)


@given(parameters, tables)
@settings(max_examples=examples(ci=100, soak=10_000))
def test_the_gradient_is_finite_and_the_slope_of_the_likelihood(params: np.ndarray, table: pa.Table) -> None:
    rows = spend_rows(table)
    value, gradient = gamma_gamma.log_likelihood_and_gradient(params, rows)
    assert math.isfinite(value)
    step = 1e-3
    for i, slope in enumerate(gradient * params):  # in log parameters
        at = [
            float(gamma_gamma.log_likelihood((params * np.exp(k * step * (np.arange(3) == i)))[None], rows)[0])
            for k in (-2, -1, 1, 2)
        ]
        difference = (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * step)
        largest = float(np.abs(gradient * params).max())
        rounding = 1e-12 * (abs(value) + 1e6) / step
        assert slope == pytest.approx(difference, rel=1e-5, abs=1e-6 * (1 + largest) + rounding)
