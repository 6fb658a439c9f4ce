"""The fairness report: which groups are misjudged, and which are shown less than their share."""

import numpy as np
import pytest
from scipy.stats import binom

from farview.evaluation.fairness import GroupFairness, fairness, holm, p_value, residuals
from farview.evaluation.marginals import PointMarginal
from farview.evaluation.measures import measures_by_group
from tests.tiers import examples


def report(actual: np.ndarray, forecast: np.ndarray, group: np.ndarray, shown: np.ndarray) -> list[GroupFairness]:
    names = tuple(str(k) for k in range(int(group.max()) + 1))
    measured = measures_by_group(actual, PointMarginal(forecast), group, names)
    groups = [(one, np.flatnonzero(group == int(one.group))) for one in measured]
    return fairness(groups, residuals(actual, forecast), shown)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.012, 0.016, None, 0.2]) == [False, True, True, False, False]


def test_holm_stops_at_the_first_that_stands() -> None:
    assert holm([0.03, 0.0001, 0.029], 0.05) == [False, True, False]


def test_what_a_season_does_to_everybody_is_no_unfairness() -> None:
    forecast = np.array([10.0, 20.0, 30.0])
    assert residuals(1.7 * forecast, forecast) == pytest.approx(np.zeros(3))


def test_a_group_whose_forecasts_are_too_high_is_found_and_no_other() -> None:
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(4), 500)
    forecast = rng.gamma(2, 10, 2_000)
    actual = forecast * rng.gamma(1, 1, 2_000) * np.where(group == 2, 0.4, 1.1)
    told = report(actual, forecast, group, np.zeros(2_000, dtype=np.int64))
    assert [one.misjudged for one in told][2]
    assert told[2].residual < 0
    assert told[2].calibration.ratio == pytest.approx(2.5, rel=0.1)


def test_fair_forecasts_are_seldom_called_misjudged() -> None:
    """Family-wise 5 %: the number of reports with any misjudged group is binomial, refused at .001."""
    reports = examples(ci=100, soak=2_000)
    wrong = 0
    for seed in range(reports):
        rng = np.random.default_rng(seed)
        group, forecast = rng.integers(0, 6, 900), rng.gamma(4, 5, 900)
        told = report(rng.poisson(forecast).astype(float), forecast, group, np.zeros(900, dtype=np.int64))
        wrong += any(one.misjudged for one in told)
    assert binom.sf(wrong - 1, reports, 0.06) > 0.001  # the normal law of a mean of 150 is a little off


def test_small_groups_are_told_and_not_tested() -> None:
    assert p_value(np.arange(10.0)) is None


def test_exposure_is_held_against_the_share_of_customers() -> None:
    group, shown = np.array([0, 0, 0, 1]), np.array([1, 0, 1, 2])
    told = report(np.ones(4), np.ones(4), group, shown)
    assert [one.exposures for one in told] == [2, 2]
    assert [one.exposed_share for one in told] == pytest.approx([2 / 3, 1.0])
    assert [one.exposure_ratio for one in told] == pytest.approx([0.5 / 0.75, 0.5 / 0.25])


def test_without_exposures_no_ratio_is_told() -> None:
    told = report(np.ones(2), np.ones(2), np.array([0, 1]), np.zeros(2, dtype=np.int64))
    assert [one.exposure_ratio for one in told] == [None, None]
