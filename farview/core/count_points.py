"""Quantile-grid points of a count, placed so that the grid's cdf at n + 1/2 is P(N <= n) for every likely n.

The quantile function of N + U (see `quantile_grid`) is linear between its knots (P(N <= n), n + 1/2), which fall
between the grid's fixed levels: chords would cut their corners, by up to 0.01 in probability. Moving the points beside
each knot puts the chord through it. Where many knots lie between two levels the mean of the cell takes their place, as
in `cell_points`.
"""

import numba
import numpy as np
import numpy.typing as npt

from farview.core.cell_points import meet_mean, mobility

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEW = 2  # knots between two levels that a chord can be put through
SWEEPS = 10


@numba.njit(nogil=True, cache=True, error_model="numpy")
def count_points(at_least: FloatArray, length: int, mean: float, levels: FloatArray, points: FloatArray) -> None:
    """Points of N given N > 0, into points; never decreasing, the first 1/2 or more.

    Args:
        at_least: P(N >= n) at index n, positive at 1, 0 at length + 1.
        length: largest n, 1 or more.
        mean: of N given N > 0.
        levels: (33,) from 0 to 1.
        points: (33,) result. The last stands for the tail: with it the grid has the mean.

    Source of the projection onto one equation after the other: Kaczmarz (1937).
    """
    last = len(levels) - 1
    inside, cell_means = np.zeros(last, np.int64), np.zeros(last)
    _walk(at_least, length, levels, points, (inside, cell_means))
    if inside[0] > FEW:
        points[0] = max(min(2.0 * cell_means[0] - points[1], points[1]), 0.5)
    ease = mobility(points)
    knot = np.cumsum(inside) - inside  # of each cell, how many knots lie before it
    for sweep in range(SWEEPS):
        for j in range(last):
            i = j if sweep % 2 == 0 else last - 1 - j
            if inside[i] <= FEW:
                for n in range(knot[i] + 1, knot[i] + 1 + inside[i]):
                    _pass_through(n + 0.5, 1.0 - at_least[n + 1] / at_least[1], i, levels, points)
            elif i < last - 1:
                meet_mean(i, cell_means, ease, points)
    points[0] = max(min(points[0], points[1]), 0.5)
    for i in range(1, last):
        points[i] = max(points[i], points[i - 1])
    _close(at_least, mean, levels[last - 1], points)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _walk(
    at_least: FloatArray, length: int, levels: FloatArray, points: FloatArray, cells: tuple[IntArray, FloatArray]
) -> None:
    """Exact quantiles of N + U at all levels but the last; how many knots lie in each cell, and its mean."""
    inside, cell_means = cells
    last = len(levels) - 1
    points[0] = 0.5
    i, reached, value = 0, 0.0, 0.5  # the quantile function is walked from (0, 1/2), atom by atom, level by level
    for n in range(1, length + 1):
        upto = 1.0 - at_least[n + 1] / at_least[1]
        slope = 1.0 / (upto - reached) if upto > reached else 0.0
        while i < last - 1 and levels[i + 1] <= upto:
            step = levels[i + 1] - reached
            following = value + step * slope
            cell_means[i] += step * 0.5 * (value + following)
            cell_means[i] /= levels[i + 1] - levels[i]
            i, reached, value = i + 1, levels[i + 1], following
            points[i] = following
        cell_means[i] += (upto - reached) * 0.5 * (value + n + 0.5)
        reached, value = upto, n + 0.5
        if i == last - 1:
            break
        inside[i] += 1
    for k in range(i + 1, last):
        points[k] = value
    cell_means[last - 1] = np.inf  # left to the mean of all


@numba.njit(nogil=True, error_model="numpy")
def _pass_through(value: float, probability: float, i: int, levels: FloatArray, points: FloatArray) -> None:
    """Moves points i and i + 1 least so that the chord between them has that value at that probability."""
    w = (probability - levels[i]) / (levels[i + 1] - levels[i])
    gap = value - (1.0 - w) * points[i] - w * points[i + 1]
    share = gap / ((1.0 - w) * (1.0 - w) + w * w)
    if i > 0:
        points[i] += (1.0 - w) * share
    points[i + 1] += w * share


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _close(at_least: FloatArray, mean: float, level: float, points: FloatArray) -> None:
    """The last point: with it the sum of P(N > n) over all n >= 0 is the mean.

    The chord from (1 - level) down to 0 over a width w, summed at n + 1/2 from the first such n beyond its start, is
    (1 - level) (w - e)^2 / (2 w), where e = n - start.
    """
    start = points[-2]
    n = int(np.floor(start - 0.5)) + 1
    tail = mean
    for k in range(1, min(n + 1, len(at_least))):  # the sweeps may have moved the start beyond the largest n
        tail -= at_least[k] / at_least[1]
    e, wanted = n - start, tail / (1.0 - level)
    room = max(e + wanted, 0.0)
    points[-1] = start + room + np.sqrt(max(room * room - e * e, 0.0))
