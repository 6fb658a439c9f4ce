"""Exceedance and CVaR from the stored grid, against draws of the law that the grid was made from."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from farview.core import quantile_grid
from farview.core.cell_points import fit_cells
from ranking.outcome_scores import ConditionalTail, Exceedance
from tests.tiers import examples

CUSTOMERS = examples(ci=60, soak=1_000)
DRAWS = examples(ci=20_000, soak=100_000)
THRESHOLDS = (0.0, 10.0, 100.0)
TAILS = ((0.05, True), (0.25, True), (0.05, False), (0.25, False))


@dataclass(frozen=True)
class World:
    """Zero-inflated gamma and lognormal laws as a snapshot holds them, and what draws of each say with its error."""

    columns: dict[str, np.ndarray]
    exceedance: dict[float, tuple[np.ndarray, np.ndarray]]  # by threshold: seen, standard error
    tails: dict[tuple[float, bool], tuple[np.ndarray, np.ndarray]]


def points_of(law: stats.rv_continuous) -> np.ndarray:
    levels = quantile_grid.LEVELS
    inside = levels[:-1, None] + np.diff(levels)[:, None] * (np.arange(200) + 0.5) / 200
    means = law.ppf(inside).mean(axis=1)
    means[-1] = (law.mean() - means[:-1] @ np.diff(levels)[:-1]) / np.diff(levels)[-1]
    points = law.ppf(levels)
    points[-1] = points[-2]
    fit_cells(means, points)
    return points


def tail_of(draws: np.ndarray, tail: float, *, upper: bool) -> tuple[float, float]:
    """Mean of the best or worst part, and the error of it: by the influence of each draw, the cut among it."""
    cut = np.quantile(draws, 1 - tail if upper else tail)
    beyond = np.maximum(draws - cut, 0) if upper else -np.maximum(cut - draws, 0)
    return float(cut + beyond.mean() / tail), float(beyond.std() / tail / np.sqrt(len(draws)))


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(11)
    p_zero = rng.uniform(0, 0.95, CUSTOMERS)
    skew, size, lognormal = (
        rng.uniform(0.3, 1.2, CUSTOMERS),
        rng.uniform(1, 300, CUSTOMERS),
        rng.random(CUSTOMERS) < 0.5,
    )
    seen: dict[object, list[tuple[float, float]]] = {key: [] for key in (*THRESHOLDS, *TAILS)}
    points, means = [], []
    for i in range(CUSTOMERS):
        law = stats.lognorm(skew[i], scale=size[i]) if lognormal[i] else stats.gamma(1 / skew[i] ** 2, scale=size[i])
        points.append(points_of(law))
        means.append(law.mean())
        draws = np.where(rng.random(DRAWS) < p_zero[i], 0.0, law.rvs(DRAWS, random_state=rng))
        for threshold in THRESHOLDS:
            share = float((draws > threshold).mean())
            seen[threshold].append((share, float(np.sqrt(share * (1 - share) / DRAWS))))
        for tail, upper in TAILS:
            seen[tail, upper].append(tail_of(draws, tail, upper=upper))
    grid = quantile_grid.encode(np.array(points), np.array(means))
    columns = {
        "value_p_zero": p_zero,
        "value_mean": (1 - p_zero) * np.array(means),
        "value_grid": np.frombuffer(grid.buffers()[1], dtype="<f2").reshape(CUSTOMERS, -1),
    }
    told = {key: tuple(np.array(pairs).T) for key, pairs in seen.items()}
    return World(columns, {k: told[k] for k in THRESHOLDS}, {k: told[k] for k in TAILS})  # type: ignore[misc]


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_exceedance_is_within_a_hundredth_of_the_law(world: World, threshold: float) -> None:
    """And three standard errors of the draws that the law is known by."""
    seen, error = world.exceedance[threshold]
    assert (np.abs(Exceedance(threshold).of(world.columns).score - seen) <= 0.01 + 3 * error).all()


@pytest.mark.parametrize(("tail", "upper"), TAILS)
def test_cvar_is_within_one_percent_of_the_law(world: World, tail: float, upper: bool) -> None:
    """And three standard errors of the draws; beyond these at most as many customers as chance allows."""
    seen, error = world.tails[tail, upper]
    found = ConditionalTail(tail, upper=upper).of(world.columns).score
    beyond = np.abs(found - seen) > 0.01 * np.abs(seen) + 3 * error + 1e-9
    assert beyond.sum() <= stats.binom.ppf(0.9999, CUSTOMERS, 0.0027)
