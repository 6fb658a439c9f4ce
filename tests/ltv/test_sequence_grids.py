"""Grids of negative binomial counts and lognormal amounts, against scipy."""

import numpy as np
import pytest
from scipy.stats import lognorm, nbinom

from farview.core import quantile_grid as grid
from farview.core.quantile_grid import GridLaw
from ltv.sequence_grids import MOST_COUNTED, amount_grids, count_grids

MEANS = np.array([0.01, 0.5, 3.0, 40.0, 300.0, 3000.0])
SHAPES = np.array([0.1, 0.5, 2.0, 1.0, 5.0, 8.0])


@pytest.fixture(scope="module")
def counts() -> GridLaw:
    return GridLaw((SHAPES / (SHAPES + MEANS)) ** SHAPES, count_grids(MEANS, SHAPES), counts=True)


def test_counts_have_the_negative_binomials_mean_and_spread(counts: GridLaw) -> None:
    assert grid.mean(counts) == pytest.approx(MEANS, rel=3e-4)
    assert grid.sd(counts) == pytest.approx(np.sqrt(MEANS + MEANS**2 / SHAPES), rel=5e-3)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 40, 500])
def test_counts_have_its_cdf(counts: GridLaw, n: int) -> None:
    wanted = nbinom.cdf(n, SHAPES, SHAPES / (SHAPES + MEANS))
    assert grid.cdf(counts, np.full(len(MEANS), float(n))) == pytest.approx(wanted, abs=1e-3)


def test_the_walk_over_counts_and_the_method_beyond_it_agree() -> None:
    """One law just within MOST_COUNTED, one just beyond."""
    near = count_grids(np.array([MOST_COUNTED / 12.0, MOST_COUNTED / 11.0]), np.array([3.0, 3.0]))
    scaled = near / near.mean(axis=1, keepdims=True)
    assert scaled[0, 1:-1] == pytest.approx(scaled[1, 1:-1], rel=0.05)


def test_amounts_have_the_lognormals_mean_and_quantiles() -> None:
    variation = np.array([0.01, 0.5, 3.0, 20.0])
    laws = GridLaw(np.zeros(4), amount_grids(variation), counts=False)
    width = np.sqrt(np.log1p(variation))
    assert grid.mean(laws) == pytest.approx(1.0, rel=1e-9)
    for level in (0.1, 0.5, 0.9):
        wanted = lognorm(width, scale=np.exp(-0.5 * width**2)).ppf(level)
        assert grid.quantile(laws, level) == pytest.approx(wanted, rel=0.01)
