"""Fewer parameter draws that stand for many, where a function of each is dear."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

NEWTON_STEPS = 50


def few_draws(kept: FloatArray, count: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Draws over which to average, and weights that add up to about 1 and keep the means of all draws.

    Every k-th draw would do for laws that are alike. Where one draw in hundreds carries a good part of the mean, as one
    whose customers hardly ever leave does, taking or missing it would double that part or lose it. So a draw is taken
    with a probability that grows with what it adds to the first row of `kept`, is surely taken when it has more than
    2 / count of the whole, and weighs the inverse of that probability (Horvitz, Thompson (1952), Journal of the
    American Statistical Association 47(260)); systematically, in the order of that row. The weights then move as little
    as they must for the weighted sums of all rows to be the means of all draws, and stay positive (calibration by
    raking: Deville, Särndal (1992), Journal of the American Statistical Association 87(418), case 2).

    Args:
        kept: (K, S) what each draw adds to each mean that is to be kept, not negative.
        count: at most so many draws are taken, give or take one.

    Returns:
        Places among the S and weights, each (at most count + 1,).
    """
    size, first = kept.shape[1], kept[0]
    total = float(first.sum())
    if size <= count:
        return np.arange(size), np.full(size, 1.0 / size)
    share = 0.5 / size + 0.5 * (first / total if total > 0.0 else np.full(size, 1.0 / size))
    chance = np.minimum(count * share, 1.0)
    order = np.argsort(first, kind="stable")
    steps = np.floor(np.cumsum(chance[order]) + 0.5)
    sure = chance[order] >= 1.0
    taken = order[(np.diff(steps, prepend=0.0) > 0.0) | sure]
    return taken, _calibrated(1.0 / (size * chance[taken]), kept[:, taken], kept.mean(axis=1))


def _calibrated(weight: FloatArray, rows: FloatArray, means: FloatArray) -> FloatArray:
    """The weights w e^(c . rows) whose sums of the rows are the means: c minimises sum(w e^(c . rows)) - c . means."""
    here = means > 0.0
    rows = rows[here] / means[here, None]
    multipliers = np.zeros(len(rows))

    def short_of(at: FloatArray) -> float:
        return float(weight @ np.exp(at @ rows) - at.sum())

    for _ in range(NEWTON_STEPS):
        tilted = weight * np.exp(multipliers @ rows)
        lack = 1.0 - rows @ tilted
        if np.max(np.abs(lack), initial=0.0) < 1e-12:
            break
        step = np.linalg.lstsq((rows * tilted) @ rows.T, lack, rcond=1e-12)[0]
        step /= max(1.0, float(np.max(np.abs(step @ rows))))  # by no weight more than e times
        if short_of(multipliers + step) > short_of(multipliers) + 1e-12:
            break
        multipliers += step
    return np.asarray(weight * np.exp(multipliers @ rows))
