"""Normalised Gini against its definition."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from farview.evaluation.gini import Ordering, normalized_gini
from tests.tiers import examples

values = st.integers(-20, 100).map(float)
pairs = st.lists(st.tuples(values, st.integers(0, 6).map(float)), min_size=2, max_size=12)


def arrays(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    actual, forecast = np.array(pairs).T
    assume(np.ptp(actual) > 0)
    return actual, forecast


def area_above_diagonal(ordered: np.ndarray) -> float:
    n, curve = len(ordered), np.cumsum(ordered)
    return float(sum(curve[k - 1] - k / n * curve[-1] for k in range(1, n + 1)))


def by_definition(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Sort, share ties, sum the curve, one step at a time."""
    shared = np.array([actual[forecast == f].mean() for f in forecast])
    order = np.argsort(-forecast, kind="stable")
    return area_above_diagonal(shared[order]) / area_above_diagonal(np.sort(actual)[::-1])


def test_a_case_by_hand() -> None:
    # Gains 1, 4, 4 of 4 against 4/3, 8/3, 4: area 1; perfect 3, 4, 4: area 3.
    assert normalized_gini(np.array([1.0, 3.0, 0.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(1 / 3)


@settings(max_examples=examples(ci=150, soak=10_000))
@given(pairs)
def test_it_is_its_definition(pairs) -> None:  # type: ignore[no-untyped-def]
    actual, forecast = arrays(pairs)
    assert normalized_gini(actual, forecast) == pytest.approx(by_definition(actual, forecast), abs=1e-9)


@settings(max_examples=examples(ci=100, soak=5000))
@given(pairs, st.floats(0.01, 100))
def test_only_the_order_of_forecasts_and_no_unit_of_actuals_matters(pairs, unit) -> None:  # type: ignore[no-untyped-def]
    actual, forecast = arrays(pairs)
    assert normalized_gini(actual * unit, np.exp(forecast) - 5) == pytest.approx(
        normalized_gini(actual, forecast), abs=1e-9
    )


@settings(max_examples=examples(ci=100, soak=5000))
@given(pairs)
def test_the_order_of_rows_does_not_matter(pairs) -> None:  # type: ignore[no-untyped-def]
    actual, forecast = arrays(pairs)
    assert normalized_gini(actual[::-1], forecast[::-1]) == pytest.approx(normalized_gini(actual, forecast), abs=1e-9)


@settings(max_examples=examples(ci=100, soak=5000))
@given(pairs)
def test_the_perfect_order_has_1_and_nothing_more(pairs) -> None:  # type: ignore[no-untyped-def]
    actual, forecast = arrays(pairs)
    figure = normalized_gini(actual, forecast)
    assert normalized_gini(actual, actual) == pytest.approx(1.0)
    assert figure is not None
    assert -1 - 1e-9 <= figure <= 1 + 1e-9


def test_the_mean_over_all_orders_is_0() -> None:
    actual = np.array([0.0, -3.0, 10.0, 10.0, 2.0])
    figures = [normalized_gini(actual, np.array(order, float)) for order in permutations(range(5))]
    assert np.mean(figures) == pytest.approx(0.0, abs=1e-12)


def test_ties_are_the_mean_over_the_orders_they_leave_open() -> None:
    actual = np.array([5.0, 0.0, 1.0, 7.0])
    resolved = [normalized_gini(actual, np.array([3.0, *order])) for order in permutations([0.0, 1.0, 2.0])]
    assert normalized_gini(actual, np.array([3.0, 0.0, 0.0, 0.0])) == pytest.approx(np.mean(resolved))


def test_a_constant_forecast_has_0() -> None:
    assert normalized_gini(np.array([1.0, 2.0, 9.0]), np.zeros(3)) == pytest.approx(0.0)


@pytest.mark.parametrize("actual", [[], [0.0, 0.0], [0.1] * 7])
def test_equal_actuals_have_none(actual: list[float]) -> None:
    assert normalized_gini(np.array(actual), np.arange(float(len(actual)))) is None


@settings(max_examples=examples(ci=100, soak=5000))
@given(pairs, st.data())
def test_counts_are_repeated_rows(pairs, data) -> None:  # type: ignore[no-untyped-def]
    actual, forecast = arrays(pairs)
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(actual), max_size=len(actual))))
    repeated = normalized_gini(np.repeat(actual, counts), np.repeat(forecast, counts))
    assert Ordering(actual, forecast).gini(counts) == (None if repeated is None else pytest.approx(repeated, abs=1e-9))
