"""The 66-byte laws: stored, read back, and their figures against integration and draws."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from farview.core import cell_points
from farview.core import quantile_grid as grid
from farview.core.count_points import count_points
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import GridLaw
from tests.tiers import examples

FloatArray = np.ndarray


def points_of(law: stats.rv_continuous) -> FloatArray:
    """Points of a positive continuous law, shape (1, 33)."""
    levels = np.concatenate([[0.0], np.linspace(1e-4, 0.9999, 20_001), 1.0 - np.geomspace(0.9e-4, 1e-9, 2000), [1.0]])
    quantiles = law.ppf(np.minimum(levels, 1.0 - 1e-10))
    return cell_points.points_of(levels, quantiles, grid.LEVELS, law.mean())[None, :]


def points_of_counts(pmf: FloatArray) -> FloatArray:
    """Points of a count, shape (1, 33); pmf[n] = P(N = n)."""
    points = np.empty(len(grid.LEVELS))
    at_least = np.append(np.cumsum(pmf[::-1])[::-1], [0.0, 0.0])
    mean = pmf @ np.arange(len(pmf)) / at_least[1]
    count_points(at_least, len(pmf) - 1, mean, grid.LEVELS, points)
    return points[None, :]


@st.composite
def laws(draw: st.DrawFn) -> GridLaw:
    """Rows of any shape that the format can hold."""
    rows, counts = draw(st.integers(1, 4)), draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = draw(st.floats(1e-3, 50.0)) * random.gamma(draw(st.floats(0.05, 5.0)), size=(rows, len(grid.LEVELS)))
    steps = np.where(random.random(steps.shape) < draw(st.sampled_from([0.0, 0.5, 0.95])), 0.0, steps)
    if draw(st.booleans()):
        steps = np.round(steps)  # knots that coincide with the steps of counts
    p_zero = draw(st.sampled_from([0.0, 0.3, 0.999])) * random.random(rows)
    return GridLaw(p_zero, np.cumsum(steps, axis=1) + (0.5 if counts else 0.0), counts)


@given(laws())
@settings(max_examples=examples(ci=50, soak=5000))
def test_a_stored_law_keeps_its_mean_and_its_points(law: GridLaw) -> None:
    mean = grid.mean(GridLaw(np.zeros_like(law.p_zero), law.points, law.counts))
    mean = np.where(mean > 0, mean, 1.0)
    back = grid.decode(grid.encode(law.points, mean), mean, counts=law.counts)
    kept = grid.mean(GridLaw(np.zeros_like(law.p_zero), back, law.counts))
    if not law.counts:  # counts are not rescaled, which would move every n + 1/2
        np.testing.assert_allclose(kept[kept > 0], mean[kept > 0], rtol=1e-12)
    np.testing.assert_allclose(back[kept > 0], law.points[kept > 0], rtol=1.5e-3, atol=1e-6 * mean.max())


@given(laws(), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6))
@settings(max_examples=examples(ci=50, soak=5000))
def test_quantiles_never_decrease_with_the_level(law: GridLaw, levels: list[float]) -> None:
    rows = np.tile(np.sort(levels), (len(law.p_zero), 1))
    assert np.all(np.diff(grid.quantile(law, rows), axis=1) >= 0)


@given(laws(), st.floats(0.0, 1.0))
@settings(max_examples=examples(ci=50, soak=5000))
def test_the_cdf_at_a_quantile_reaches_its_level(law: GridLaw, level: float) -> None:
    # Between two points 1e-11 apart the next double above the quantile already has another probability.
    reached = grid.cdf(law, np.nextafter(grid.quantile(law, level), np.inf))
    assert np.all(reached >= level - 1e-9)
    assert np.all((reached >= 0) & (reached <= 1))


@given(laws(), st.floats(-5.0, 900.0))
@settings(max_examples=examples(ci=30, soak=2000))
def test_crps_equals_the_integral_of_the_squared_cdf_distance(law: GridLaw, y: float) -> None:
    y = float(max(round(y), 0)) if law.counts else y
    score = grid.crps(law, np.full(len(law.p_zero), y))
    top = max(law.points.max(), abs(y)) + 2.0
    if law.counts:
        z = np.arange(np.ceil(top) + 1)
        cells = grid.cdf(law, np.tile(z, (len(score), 1)))
        expected = ((cells - (z >= y)) ** 2).sum(axis=1)
    else:
        knots = np.unique(np.r_[law.points.ravel(), 0.0, y, -6.0, top])
        expected = np.zeros(len(score))
        node, weight = np.polynomial.legendre.leggauss(3)
        for low, high in pairwise(knots):
            z = (low + high) / 2 + (high - low) / 2 * node
            cells = grid.cdf(law, np.tile(z, (len(score), 1)))
            expected += (high - low) / 2 * ((cells - (z >= y)) ** 2) @ weight
    np.testing.assert_allclose(score, expected, rtol=1e-7, atol=1e-9)


@given(laws(), st.sampled_from([0.01, 0.05, 0.25, 0.7, 1.0]), st.booleans())
@settings(max_examples=examples(ci=50, soak=5000))
def test_cvar_is_the_mean_of_the_tail_of_quantiles(law: GridLaw, tail: float, upper: bool) -> None:
    u = (np.arange(40_000) + 0.5) / 40_000 * tail
    rows = np.tile(1.0 - u if upper else u, (len(law.p_zero), 1))
    expected = grid.quantile(law, rows).mean(axis=1)
    np.testing.assert_allclose(grid.cvar(law, tail, upper=upper), expected, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("family", [stats.lognorm(1.0, scale=20.0), stats.gamma(0.7, scale=30.0), stats.gamma(40.0)])
def test_figures_of_a_skewed_law_survive_the_grid(family: stats.rv_continuous) -> None:
    law = GridLaw(np.array([0.6]), points_of(family), counts=False)
    assert grid.mean(law)[0] == pytest.approx(0.4 * family.mean(), rel=1e-4)
    second = 0.4 * (family.var() + family.mean() ** 2)
    assert grid.sd(law)[0] == pytest.approx(np.sqrt(second - (0.4 * family.mean()) ** 2), rel=0.04)
    for y in (0.0, family.median(), family.ppf(0.99)):
        exact = _crps_by_quadrature(family, y)
        assert grid.crps(law, np.array([y]))[0] == pytest.approx(exact, rel=0.005)
        assert grid.exceedance(law, np.array([y]))[0] == pytest.approx(0.4 * family.sf(y), abs=0.002)
    for tail in (0.05, 0.25):
        exact = integrate.quad(lambda u: family.isf(u / 0.4), 0, tail, limit=200)[0] / tail
        assert grid.cvar(law, tail, upper=True)[0] == pytest.approx(exact, rel=0.005)


def _crps_by_quadrature(family: stats.rv_continuous, y: float) -> float:
    below = integrate.quad(lambda z: (0.6 + 0.4 * family.cdf(z)) ** 2, 0, y, limit=200)[0]
    return float(below + integrate.quad(lambda z: (0.4 * family.sf(z)) ** 2, y, np.inf, limit=200)[0])


def test_counts_keep_their_probabilities() -> None:
    pmf = np.array([0.7, 0.2, 0.06, 0.03, 0.01])
    law = GridLaw(np.array([0.7]), points_of_counts(pmf), counts=True)
    cells = grid.cdf(law, np.arange(5.0)[None, :])[0]
    np.testing.assert_allclose(cells, np.cumsum(pmf), atol=0.003)
    assert grid.mean(law)[0] == pytest.approx(pmf @ np.arange(5), rel=1e-12)
    assert grid.sd(law)[0] == pytest.approx(np.sqrt(pmf @ np.arange(5) ** 2 - (pmf @ np.arange(5)) ** 2), rel=0.01)
    np.testing.assert_array_equal(grid.quantile(law, np.array([[0.5, 0.7, 0.72, 0.93, 0.999]]))[0], [0, 0, 1, 2, 4])


@given(st.floats(0.05, 20.0), st.floats(0.02, 0.98))
@settings(max_examples=examples(ci=50, soak=5000))
def test_stored_counts_keep_probabilities_mean_and_tails(shape: float, p: float) -> None:
    law = stats.nbinom(shape, p)
    n = np.arange(law.isf(1e-13) + 2)
    pmf = law.pmf(n) / law.pmf(n).sum()
    points = points_of_counts(pmf)
    some = np.array([pmf @ n / (1 - pmf[0])])
    kept = GridLaw(pmf[:1], grid.decode(grid.encode(points, some), some, counts=True), counts=True)
    assert np.abs(grid.cdf(kept, n[None, :])[0] - np.cumsum(pmf)).max() < 0.007
    assert grid.mean(kept)[0] == pytest.approx(pmf @ n, rel=0.005)
    for tail in (0.05, 0.25):
        cut = np.searchsorted(np.cumsum(pmf), 1 - tail)
        exact = cut + (np.maximum(n - cut, 0) @ pmf) / tail
        assert grid.cvar(kept, tail, upper=True)[0] == pytest.approx(exact, rel=0.01)


def test_samples_follow_the_law() -> None:
    """Kolmogorov-Smirnov at 5 levels, 1 in 1,000 by chance; the seed is fixed."""
    law = GridLaw(np.array([0.3]), points_of(stats.lognorm(0.8)), counts=False)
    draws = grid.sample(law, np.random.default_rng(5).random((1, 100_000)))[0]
    for y in (0.0, 0.5, 1.0, 2.0, 5.0):
        expected = grid.cdf(law, np.array([y]))[0]
        assert abs((draws <= y).mean() - expected) < 4 * np.sqrt(0.25 / 100_000)


def test_a_customer_who_never_buys_again_has_the_law_of_nothing() -> None:
    law = GridLaw(np.array([1.0]), np.zeros((1, 33)), counts=False)
    assert grid.mean(law)[0] == grid.sd(law)[0] == grid.cvar(law, 0.05, upper=True)[0] == 0.0
    assert grid.quantile(law, 1.0)[0] == 0.0
    assert grid.crps(law, np.array([3.0]))[0] == 3.0


def test_damaged_grids_are_refused() -> None:
    points = points_of(stats.gamma(2.0))[:, ::-1]
    with pytest.raises(InvalidInput, match="damaged"):
        grid.decode(grid.encode(points, np.array([2.0])), np.array([2.0]), counts=False)


def test_a_tail_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="tail"):
        grid.cvar(GridLaw(np.array([0.5]), points_of(stats.gamma(2.0)), counts=False), 0.0, upper=True)


@pytest.mark.parametrize("counts", [False, True])
def test_moments_of_a_law_do_not_depend_on_the_laws_beside_it(counts: bool) -> None:
    points = np.sort(np.random.default_rng(5).gamma(2.0, 9.0, (64, 33)), axis=1)
    laws = GridLaw(np.full(64, 0.3), points, counts)
    for moment in (grid.mean, grid.sd):
        alone = [float(moment(GridLaw(laws.p_zero[i : i + 1], points[i : i + 1], counts))[0]) for i in range(64)]
        assert alone == moment(laws).tolist()
