"""Quantile-grid points of a count, placed so that the grid's cdf at n + 1/2 is P(N <= n) for every likely n.

The quantile function of N + U (see `quantile_grid`) is linear between its knots (P(N <= n), n + 1/2), which fall
between the grid's fixed levels: chords would cut their corners, by up to 0.01 in probability. Moving the points beside
each knot puts the chord through it.
"""

import numba
import numpy as np
import numpy.typing as npt

from farview.core.quantile_grid import START

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEW = 2  # knots between two levels that a chord can be put through; with more the law is smooth at that scale
SWEEPS = 10


@numba.njit(nogil=True, cache=True, error_model="numpy")
def count_points(at_least: FloatArray, length: int, levels: FloatArray, points: FloatArray) -> None:
    """Points of N given N > 0, into points; never decreasing, the first 1/2 or more.

    Args:
        at_least: P(N >= n) at index n, positive at 1, 0 at length + 1.
        length: largest n, 1 or more.
        levels: (33,) from 0 to 1.
        points: (33,) result. The last stands for the tail: with it the grid has the mean of N given N > 0.

    Source of the projection onto one knot after the other: Kaczmarz (1937).
    """
    _quantiles(at_least, length, levels, points)
    some, last = at_least[1], len(levels) - 1
    inside = np.zeros(last, np.int64)
    i, n = 0, 1
    while n <= length and 1.0 - at_least[n + 1] / some < levels[last - 1]:
        while levels[i + 1] <= 1.0 - at_least[n + 1] / some:
            i += 1
        inside[i] += 1
        n += 1
    _bend(inside, levels, points)
    for _ in range(SWEEPS):
        n = 1
        for i in range(last):
            if inside[i] <= FEW:
                for k in range(n, n + inside[i]):
                    _move(k + 0.5, 1.0 - at_least[k + 1] / some, i, levels, points)
            n += inside[i]
    points[0] = min(points[0], points[1])
    for i in range(1, last):
        points[i] = max(points[i], points[i - 1])
    _close(at_least, length, levels[last - 1], points)


@numba.njit(nogil=True, error_model="numpy")
def _move(value: float, probability: float, i: int, levels: FloatArray, points: FloatArray) -> None:
    """Moves points i and i + 1 least so that the chord between them has that value at that probability."""
    w = (probability - levels[i]) / (levels[i + 1] - levels[i])
    gap = value - (1.0 - w) * points[i] - w * points[i + 1]
    share = gap / ((1.0 - w) * (1.0 - w) + w * w)
    if i > 0:
        points[i] += (1.0 - w) * share
    points[i + 1] += w * share


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _bend(inside: IntArray, levels: FloatArray, points: FloatArray) -> None:
    """Where the law is smooth, what `quantile_grid.anchor` does: inwards by half of what chords beside overstate."""
    if inside[0] > FEW:
        points[0] = max(points[0], points[1] - START * (points[2] - points[1]))
    left = (points[2] - points[1]) / (levels[2] - levels[1])
    for i in range(2, len(levels) - 2):
        a, b = levels[i] - levels[i - 1], levels[i + 1] - levels[i]
        right = (points[i + 1] - points[i]) / b
        if inside[i - 1] > FEW and inside[i] > FEW:
            points[i] -= (right - left) * (a * a * a + b * b * b) / (6.0 * (a + b) * (a + b))
        left = right


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _quantiles(at_least: FloatArray, length: int, levels: FloatArray, points: FloatArray) -> None:
    """Exact quantiles of N + U at all levels but the last."""
    some = at_least[1]
    n, before, upto = 1, 0.0, 1.0 - at_least[2] / some
    for i in range(len(levels) - 1):
        while upto < levels[i] and n < length:
            n += 1
            before, upto = upto, 1.0 - at_least[n + 1] / some
        part = (levels[i] - before) / (upto - before) if upto > before else 1.0
        points[i] = n - 0.5 + min(max(part, 0.0), 1.0)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _close(at_least: FloatArray, length: int, level: float, points: FloatArray) -> None:
    """The last point: with it sum P(N > n) over the counts beyond the point before equals the law's.

    The chord from (1 - level) down to 0 over a width w, summed at n + 1/2 from the first such n beyond its start, is
    (1 - level) (w - e)^2 / (2 w), where e = n - start.
    """
    start = points[-2]
    n = int(np.floor(start - 0.5)) + 1
    tail = 0.0
    for k in range(n + 1, length + 1):
        tail += at_least[k]
    e, wanted = n - start, tail / at_least[1] / (1.0 - level)
    room = max(e + wanted, 0.0)
    points[-1] = start + room + np.sqrt(max(room * room - e * e, 0.0))
