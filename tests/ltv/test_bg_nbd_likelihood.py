"""The fitted BG/NBD likelihood on unique weighted rows: published values, its parts, its gradient."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv import bg_nbd_likelihood
from ltv.bg_nbd import BgNbd, Histories, log_likelihood
from ltv.rows import purchase_rows
from tests.ltv.cdnow import DAYS_PER_WEEK, calibration, rfm_table
from tests.tiers import examples

positive = st.floats(math.log(1e-3), math.log(1e3)).map(math.exp)
parameters = st.tuples(positive, positive, positive, positive).map(np.array)


@st.composite
def one_history(draw: st.DrawFn) -> tuple[int, float, float]:
    frequency = draw(st.one_of(st.integers(0, 5), st.integers(0, 10_000)))
    age = draw(st.one_of(st.floats(0, 10_000), st.integers(0, 10).map(float)))
    recency = draw(st.one_of(st.floats(0, age), st.just(age))) if frequency else 0.0
    return frequency, recency, age


tables = st.lists(one_history(), min_size=1, max_size=12).map(rfm_table)


def histories(table: pa.Table) -> Histories:
    return Histories(*(np.asarray(table[name], dtype=np.float64) for name in ("frequency", "recency_days", "age_days")))


def total(params: np.ndarray, table: pa.Table) -> float:
    return float(bg_nbd_likelihood.log_likelihood(params[None], purchase_rows(table))[0])


@pytest.mark.parametrize(
    ("file", "params", "figure", "within"),
    [
        ("cdnow_sample", (0.2426, 4.4136, 0.7929, 2.4259), -9582.429, 0.001),
        ("cdnow_full", (0.2516, 4.789, 0.7235, 2.161), -95_368.44, 0.01),
    ],
)
def test_cdnow_has_the_published_likelihood(
    request: pytest.FixtureRequest, file: str, params: tuple[float, ...], figure: float, within: float
) -> None:
    rows = purchase_rows(calibration(request.getfixturevalue(file))).in_units(DAYS_PER_WEEK)
    value = bg_nbd_likelihood.log_likelihood(np.array([params]), rows)[0]
    assert value == pytest.approx(figure, abs=within)


@given(parameters, tables)
@settings(max_examples=examples(ci=100, soak=10_000))
def test_the_weighted_sum_equals_the_sum_over_customers(params: np.ndarray, table: pa.Table) -> None:
    customers = log_likelihood(BgNbd(*params.tolist()), histories(table))
    # The reference takes differences of log-gammas, which lose digits at large counts; hence the tolerance.
    assert total(params, table) == pytest.approx(float(customers.sum()), rel=1e-9, abs=1e-6)


def test_thousands_of_customers_who_share_a_row_count_as_often_as_they_are() -> None:
    one = [(3, 20.0, 38.0), (0, 0.0, 12.0), (250, 97.0, 98.0)]
    params = np.array([0.24, 4.4, 0.79, 2.43])
    assert total(params, rfm_table(one * 1000)) == pytest.approx(1000 * total(params, rfm_table(one)), rel=1e-12)


@given(parameters, tables)
@settings(max_examples=examples(ci=100, soak=10_000))
def test_likelihood_and_gradient_are_finite_for_counts_and_ages_up_to_ten_thousand(
    params: np.ndarray, table: pa.Table
) -> None:
    value, gradient = bg_nbd_likelihood.log_likelihood_and_gradient(params, purchase_rows(table))
    assert math.isfinite(value)
    assert np.all(np.isfinite(gradient))


@given(parameters, tables)
@settings(max_examples=examples(ci=100, soak=10_000))
def test_the_gradient_is_the_slope_of_the_likelihood(params: np.ndarray, table: pa.Table) -> None:
    rows = purchase_rows(table)
    value, gradient = bg_nbd_likelihood.log_likelihood_and_gradient(params, rows)
    step = 1e-3
    for i, slope in enumerate(gradient * params):  # in log parameters
        at = [
            float(bg_nbd_likelihood.log_likelihood((params * np.exp(k * step * (np.arange(4) == i)))[None], rows)[0])
            for k in (-2, -1, 1, 2)
        ]
        difference = (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * step)
        largest = float(np.abs(gradient * params).max())
        rounding = 1e-13 * abs(value) / step
        assert slope == pytest.approx(difference, rel=1e-6, abs=1e-7 * (1 + largest) + rounding)


def test_cdnow_gradient_vanishes_at_the_published_maximum(cdnow_full: Path) -> None:
    rows = purchase_rows(calibration(cdnow_full)).in_units(DAYS_PER_WEEK)
    _, gradient = bg_nbd_likelihood.log_likelihood_and_gradient(np.array([0.25162, 4.78894, 0.72343, 2.16109]), rows)
    # A step of the fifth digit changes the slope of r by about this curvature times 5e-6.
    assert np.abs(gradient) * np.array([0.2516, 4.789, 0.7235, 2.161]) == pytest.approx(np.zeros(4), abs=0.3)


def test_a_tiny_b_keeps_its_digits() -> None:
    """Of a customer with one repeat purchase the odds of dropout are a / b; NUTS walks to such b."""
    rows = purchase_rows(rfm_table([(1, 10.0, 40.0)]))
    values = []
    for b in (1e-40, 1e-20):
        value, gradient = bg_nbd_likelihood.log_likelihood_and_gradient(np.array([0.5, 30.0, 0.8, b]), rows)
        assert np.all(np.isfinite(gradient))
        values.append(value)
    # B(a, b + 1) / B(a, b) times 1 + a / b is 1 at b = 0: the customer surely left after that purchase.
    assert values[0] == pytest.approx(values[1], rel=1e-12)
