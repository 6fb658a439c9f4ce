"""Fewer parameter draws that stand for many, where a function of each is dear."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def few_draws(means: FloatArray, count: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Draws over which to average, and weights that add up to about 1.

    Every k-th draw would do for laws that are alike. Where one draw in hundreds carries a good part of the mean, as one
    whose customers hardly ever leave does, taking or missing it would double that part or lose it. So a draw is taken
    with a probability that grows with its mean, is surely taken when it has more than 2 / count of the whole, and
    weighs the inverse of that probability (Horvitz, Thompson (1952), Journal of the American Statistical Association
    47(260)); systematically, in the order of the means.

    Args:
        means: (S,) what each draw adds to the mean that is to be kept, not negative.
        count: at most so many draws are taken, give or take one.

    Returns:
        Places among the S and weights, each (at most count + 1,).
    """
    size, total = len(means), float(means.sum())
    if size <= count:
        return np.arange(size), np.full(size, 1.0 / size)
    share = 0.5 / size + 0.5 * (means / total if total > 0.0 else np.full(size, 1.0 / size))
    chance = np.minimum(count * share, 1.0)
    order = np.argsort(means, kind="stable")
    steps = np.floor(np.cumsum(chance[order]) + 0.5)
    sure = chance[order] >= 1.0
    taken = order[(np.diff(steps, prepend=0.0) > 0.0) | sure]
    return taken, 1.0 / (size * chance[taken])
