"""Laws on the quantile grid as evaluation sees them, against integrals and draws from themselves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from farview.core import quantile_grid
from farview.core.quantile_grid import LEVELS, GridLaw
from farview.evaluation.coverage import coverage
from farview.evaluation.marginals import BLOCK_ROWS, GridMarginal, PointMarginal
from farview.evaluation.measures import measures, measures_by_group, shape
from tests.tiers import examples

ROWS = 20_000


def grid(rows: int, *, counts: bool, seed: int = 0) -> GridMarginal:
    rng = np.random.default_rng(seed)
    points = np.sort(rng.gamma(0.7, 8.0, (rows, len(LEVELS))), axis=1) + (0.5 if counts else 0.01)
    law = GridLaw(rng.uniform(0.2, 0.9, rows), points, counts)
    return GridMarginal(quantile_grid.mean(law), law)


@settings(max_examples=examples(ci=20, soak=1000))
@given(st.integers(0, 10_000), st.floats(-5, 60))
def test_crps_is_the_integral_of_the_squared_distance_to_the_step(seed: int, y: float) -> None:
    marginal = grid(1, counts=False, seed=seed)

    def gap(z: float) -> float:
        return float((quantile_grid.cdf(marginal.law, np.array([z]))[0] - (z >= y)) ** 2)

    top = max(y, float(marginal.law.points[0, -1]))
    knots = [min(y, 0.0), *sorted({0.0, y, *marginal.law.points[0].tolist()}), top]
    integral = sum(quad(gap, a, b)[0] for a, b in pairwise(knots) if b > a)
    assert marginal.crps(np.array([y]))[0] == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_draws_from_the_law_are_covered_at_the_level(counts: bool, level: float) -> None:
    marginal = grid(ROWS, counts=counts)
    actual = quantile_grid.sample(marginal.law, np.random.default_rng(1).uniform(size=ROWS))
    pit = marginal.pit(actual)
    # Parts in [0, 1]: sd of the mean at most .5 / sqrt(rows); 4 sd.
    assert coverage(pit.below, pit.upto, level) == pytest.approx(level, abs=4 * 0.5 / np.sqrt(ROWS))


@pytest.mark.parametrize("counts", [True, False])
def test_the_naive_interval_meets_its_own_expectation(counts: bool) -> None:
    marginal = grid(ROWS, counts=counts)
    actual = quantile_grid.sample(marginal.law, np.random.default_rng(2).uniform(size=ROWS))
    naive = marginal.naive_coverage(actual, 0.8)
    assert naive.observed == pytest.approx(naive.expected, abs=4 * 0.5 / np.sqrt(ROWS))


@pytest.mark.parametrize("counts", [True, False])
def test_laws_scored_in_blocks_have_the_scores_they_have_together(counts: bool) -> None:
    marginal = grid(BLOCK_ROWS + 3, counts=counts)
    actual = np.random.default_rng(3).poisson(2.0, BLOCK_ROWS + 3).astype(float)
    assert marginal.crps(actual).tolist() == quantile_grid.crps(marginal.law, actual).tolist()


def test_a_negative_actual_lies_below_every_law() -> None:
    pit = grid(3, counts=False).pit(np.full(3, -2.0))
    assert (pit.below.tolist(), pit.upto.tolist()) == ([0.0] * 3, [0.0] * 3)


def test_a_point_forecast_has_crps_mae_and_no_coverage() -> None:
    actual = np.array([0.0, 1.0, 4.0, 0.0])
    figures = measures(actual, PointMarginal(np.array([1.0, 1.0, 2.0, 0.0])))
    assert figures.crps == figures.mae == 0.75
    assert (figures.coverage_80, figures.coverage_95) == (None, None)


def test_undefined_figures_are_none() -> None:
    figures = measures(np.zeros(4), PointMarginal(np.ones(4)))
    assert (figures.ratio, figures.corr, figures.spearman, figures.normalized_gini) == (None,) * 4


def test_a_forecast_of_nothing_has_ratio_and_gini_0_but_no_correlation() -> None:
    figures = measures(np.array([0.0, 2.0]), PointMarginal(np.zeros(2)))
    assert (figures.ratio, figures.normalized_gini, figures.corr) == (0.0, 0.0, None)


def test_groups_without_customers_are_left_out() -> None:
    rows = measures_by_group(
        np.array([1.0, 3.0]), PointMarginal(np.array([2.0, 3.0])), np.array([2, 2]), ("a", "b", "c")
    )
    assert [(row.group, row.customers, row.ratio) for row in rows] == [("c", 2, 1.25)]


def test_the_shape_of_a_law_has_every_part() -> None:
    marginal = grid(50, counts=True)
    parts = shape(np.arange(50.0) % 3, marginal)
    assert set(parts) == {"pit_histogram", "decile_lift", "naive_coverage_80", "naive_coverage_95"}
    assert all(part is not None for part in parts.values())
