"""Drift is called rarely where nothing moved, also when rows cluster, and called where something did."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farview.evaluation.drift import population_stability
from tests.tiers import examples

RUNS = examples(ci=300, soak=3000)


def clustered(random: np.random.Generator, customers: int, moved: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Figures of customers with one to eight rows each, alike within a customer."""
    whose = np.repeat(np.arange(customers), random.integers(1, 9, customers))
    return random.normal(moved, 1, customers)[whose] + random.normal(0, 0.5, len(whose)), whose


def called(moved: float) -> float:
    """Share of runs that call a drift."""
    random = np.random.default_rng(1)
    calls = 0
    for _ in range(RUNS):
        (then, one), (now, other) = clustered(random, 400), clustered(random, 150, moved)
        calls += population_stability(then, now, (one, other)).moved
    return calls / RUNS


def test_nothing_moved_is_called_drift_in_about_one_of_twenty_cases():
    # 300 runs: three standard errors of a rate of .05 are .038.
    assert called(0.0) == pytest.approx(0.05, abs=0.04)


def test_half_a_standard_deviation_is_called_drift():
    assert called(0.5) > 0.9


def test_rows_of_a_customer_are_worth_fewer_than_independent_ones():
    figures, whose = clustered(np.random.default_rng(2), 300)
    alone = np.arange(len(figures))
    together = population_stability(figures, figures, (whose, whose))
    assert together.limit > 1.5 * population_stability(figures, figures, (alone, alone)).limit


def test_the_index_is_that_of_its_definition():
    then = np.repeat([1.0, 2.0], [500, 500])
    now = np.repeat([1.0, 2.0], [300, 700])
    expected = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert population_stability(then, now, (np.arange(1000), np.arange(1000))).psi == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_index_is_never_negative_and_zero_for_the_same_figures(then, now):
    one, other = np.array(then), np.array(now)
    clusters = (np.arange(len(one)), np.arange(len(other)))
    assert population_stability(one, other, clusters).psi >= 0
    same = population_stability(one, one, (clusters[0], clusters[0]))
    assert same.psi == 0
    assert not same.moved
