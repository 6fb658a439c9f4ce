"""PIT coverage and histogram of laws with atoms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from farview.evaluation.coverage import (
    coverage,
    coverage_by_group,
    decile_group,
    frequency_group,
    naive_coverage,
    total_coverage,
)
from farview.evaluation.pit import pit_histogram, share_inside
from tests.tiers import examples

unit = st.floats(0, 1)


def perfect_counts(n: int = 40_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts drawn from the very laws that forecast them, mostly 0: (y, F(y-), F(y), size parameter)."""
    rng = np.random.default_rng(7)
    size = rng.gamma(0.5, 1.0, n) + 0.01
    y = rng.negative_binomial(size, 0.4)
    return y, nbinom.cdf(y - 1, size, 0.4), nbinom.cdf(y, size, 0.4), size


def test_the_part_of_an_atom_inside_the_band_by_hand() -> None:
    below, upto = np.array([0.0, 0.85, 0.0, 0.5]), np.array([0.7, 0.95, 0.05, 0.5])
    assert share_inside(below, upto, 0.1, 0.9).tolist() == pytest.approx([0.6 / 0.7, 0.5, 0.0, 1.0])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_a_perfect_forecast_of_counts_is_covered_at_its_level(level: float) -> None:
    _, below, upto, _ = perfect_counts()
    # Each customer's part is in [0, 1], so the sd of the mean is at most .5 / sqrt(n); 4 sd: wrong once in 15,000.
    assert coverage(below, upto, level) == pytest.approx(level, abs=4 * 0.5 / np.sqrt(40_000))


def test_a_perfect_continuous_forecast_with_zeros_is_covered_at_its_level() -> None:
    rng = np.random.default_rng(3)
    u, zero = rng.uniform(size=40_000), 0.6
    below, upto = np.where(u < zero, 0.0, u), np.where(u < zero, zero, u)
    assert coverage(below, upto, 0.8) == pytest.approx(0.8, abs=4 * 0.5 / np.sqrt(40_000))


def test_too_narrow_a_law_is_covered_less() -> None:
    rng = np.random.default_rng(4)
    u = np.clip(0.5 + (rng.uniform(size=20_000) - 0.5) * 1.2, 0, 1)
    assert coverage(u, u, 0.8) == pytest.approx(0.8 / 1.2, abs=0.02)


@settings(max_examples=examples(ci=100, soak=5000))
@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=20), st.integers(1, 30))
def test_bands_share_out_every_customer_once(ends, bins) -> None:  # type: ignore[no-untyped-def]
    below, upto = np.sort(np.array(ends), axis=1).T
    assert pit_histogram(below, upto, bins).sum() == pytest.approx(1.0)


def test_the_histogram_of_a_perfect_forecast_is_flat() -> None:
    _, below, upto, _ = perfect_counts()
    # A bin of 1/20 over 40,000 customers: sd at most .0011; 5 sd over 20 bins: wrong once in 10^5.
    assert np.abs(pit_histogram(below, upto) - 0.05).max() < 5 * 0.0011


def test_the_naive_interval_of_counts_covers_more_than_its_level_as_its_own_law_expects() -> None:
    y, _, _, size = perfect_counts()
    low, high = nbinom.ppf(0.1, size, 0.4), nbinom.ppf(0.9, size, 0.4)
    naive = naive_coverage(y, low, high, nbinom.cdf(high, size, 0.4) - nbinom.cdf(low - 1, size, 0.4))
    assert naive.expected > 0.9
    assert naive.observed == pytest.approx(naive.expected, abs=4 * 0.5 / np.sqrt(40_000))


def test_groups_average_to_the_whole() -> None:
    y, below, upto, _ = perfect_counts()
    group = frequency_group(y)
    by_group = coverage_by_group(below, upto, 0.8, group)
    assert set(by_group) == {0, 1, 2, 3, 4}
    assert sum(by_group[g] * (group == g).mean() for g in by_group) == pytest.approx(coverage(below, upto, 0.8))


@given(st.lists(st.floats(-5, 5), min_size=10, max_size=200))
def test_deciles_are_equal_in_size_and_ordered(forecast: list[float]) -> None:
    array = np.array(forecast)
    group = decile_group(array)
    sizes = np.bincount(group, minlength=10)
    assert np.ptp(sizes) <= 1
    assert all(array[group == g].min() >= array[group == g + 1].max() for g in range(9))


@pytest.mark.parametrize(("total", "held"), [(500.0, True), (30.0, False), (980.0, False)])
def test_a_total_is_held_by_the_central_interval_of_its_draws(total: float, held: bool) -> None:
    assert total_coverage(total, np.arange(1000.0), 0.9) is held
