"""CRPS estimated from draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from farview.evaluation.crps import crps_of_draws, crps_of_point
from tests.tiers import examples

finite = st.floats(-1e3, 1e3)


@settings(max_examples=examples(ci=100, soak=5000))
@given(finite, st.lists(finite, min_size=2, max_size=9))
def test_it_is_the_double_sum(actual: float, draws: list[float]) -> None:
    m = len(draws)
    spread = sum(abs(a - b) for a in draws for b in draws) / (2 * m * (m - 1))
    expected = sum(abs(a - actual) for a in draws) / m - spread
    assert crps_of_draws(np.array([actual]), np.array([draws]))[0] == pytest.approx(expected, abs=1e-9)


def test_it_has_the_expectation_of_the_exact_score_of_a_normal_law() -> None:
    rng = np.random.default_rng(5)
    actual = np.full(4000, 0.7)
    exact = 0.7 * (2 * norm.cdf(0.7) - 1) + 2 * norm.pdf(0.7) - 1 / np.sqrt(np.pi)  # Gneiting, Raftery (2007), eq. (21)
    estimates = crps_of_draws(actual, rng.normal(size=(4000, 10)))
    assert estimates.mean() == pytest.approx(exact, abs=4 * estimates.std() / np.sqrt(4000))  # 4 sd


def test_a_law_with_one_atom_has_the_absolute_error() -> None:
    actual, point = np.array([1.0, -2.0]), np.array([3.0, -2.0])
    assert crps_of_draws(actual, np.repeat(point[:, None], 4, axis=1)).tolist() == crps_of_point(actual, point).tolist()
