"""The integrated calibration index finds the distance it should; deciles show what came."""

import numpy as np
import pytest

from farview.evaluation.spells import Spells
from farview.evaluation.survival_calibration import by_decile, integrated_calibration_index, smoothed_rate
from farview.evaluation.survival_scores import Outcome, outcome_at


def world(n: int = 20_000, seed: int = 1) -> tuple[np.ndarray, Spells]:
    """True P(ends within 1) of n spells, and the spells as watched with random stops and delayed entries."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(2.0, 0.3, n)
    entry = rng.uniform(0, 2, n)
    lasts, stops = rng.exponential(1 / rate), rng.exponential(2.0, n)
    return -np.expm1(-rate), Spells(entry, entry + np.minimum(lasts, stops), lasts <= stops)


def test_true_probabilities_have_an_index_near_zero() -> None:
    ends, spells = world()
    assert integrated_calibration_index(ends, outcome_at(spells, 1.0)) < 0.01


def test_halved_probabilities_have_an_index_of_their_own_mean() -> None:
    ends, spells = world()
    index = integrated_calibration_index(ends / 2, outcome_at(spells, 1.0))
    assert index == pytest.approx(ends.mean() / 2, abs=0.01)


def test_a_wave_around_the_truth_is_followed_by_the_smooth() -> None:
    """Right on average and wrong everywhere: only a smooth that bends sees it."""
    ends, spells = world(40_000)
    distorted = np.where(ends < 0.4, ends * 0.5, np.minimum(ends * 1.3, 0.99))
    index = integrated_calibration_index(distorted, outcome_at(spells, 1.0))
    assert index == pytest.approx(np.abs(distorted - ends).mean(), abs=0.015)


def test_one_forecast_for_all_is_held_against_the_overall_rate() -> None:
    ended = np.array([True] * 30 + [False] * 70)
    outcome = Outcome(ended, np.ones(100))
    assert integrated_calibration_index(np.full(100, 0.5), outcome) == pytest.approx(0.2)


def test_forecasts_that_part_outcomes_perfectly_stay_finite() -> None:
    ended = np.array([False] * 50 + [True] * 50)
    smooth = smoothed_rate(np.linspace(0.01, 0.99, 100), Outcome(ended, np.ones(100)))
    assert np.isfinite(smooth).all()
    assert smooth[[0, -1]] == pytest.approx([0.0, 1.0], abs=0.05)


def test_certain_forecasts_are_judged_too() -> None:
    outcome = Outcome(np.array([False, True, True]), np.ones(3))
    assert 0.0 <= integrated_calibration_index(np.array([0.0, 1.0, 0.5]), outcome) <= 1.0


def test_deciles_of_true_probabilities_lie_in_their_intervals() -> None:
    """Ten 95 % intervals and a fixed seed: at most two may miss (P(more) is .012)."""
    ends, spells = world()
    deciles = by_decile(ends, spells, 1.0)
    assert [decile.spells for decile in deciles] == [2000] * 10
    assert sum(not decile.lower <= decile.forecast <= decile.upper for decile in deciles) <= 2


def test_equal_forecasts_stay_in_one_group() -> None:
    _, spells = world(1000)
    assert [decile.spells for decile in by_decile(np.full(1000, 0.3), spells, 1.0)] == [1000]
