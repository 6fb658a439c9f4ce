"""Quantile-grid points of a count, placed so that the grid's cdf at n + 1/2 is P(N <= n) for every likely n.

The quantile function of N + U (see `quantile_grid`) is linear between its knots (P(N <= n), n + 1/2), which fall
between the grid's fixed levels: chords would cut their corners, by up to 0.01 in probability. Moving the points beside
each knot puts the chord through it.
"""

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEW = 2  # knots between two levels that a chord can be put through; with more the law is smooth at that scale
SWEEPS = 10
START = 1.5  # (q1 - q0) / (q2 - q1) whose chord has the mean of a normal law below the first level


@numba.njit(nogil=True, cache=True, error_model="numpy")
def count_points(at_least: FloatArray, length: int, mean: float, levels: FloatArray, points: FloatArray) -> None:
    """Points of N given N > 0, into points; never decreasing, the first 1/2 or more.

    Args:
        at_least: P(N >= n) at index n, positive at 1, 0 at length + 1.
        length: largest n, 1 or more.
        mean: of N given N > 0.
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
    _close(at_least, mean, levels[last - 1], points)


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
    """Where the law is smooth, inwards by half of what the chords beside overstate (h^2 q'' / 12 for equal widths h).

    The first point, an infimum that says little, goes to where the chord has about the mean of a normal law's tail.
    """
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
def _close(at_least: FloatArray, mean: float, level: float, points: FloatArray) -> None:
    """The last point: with it the sum of P(N > n) over all n >= 0 is the mean.

    The chord from (1 - level) down to 0 over a width w, summed at n + 1/2 from the first such n beyond its start, is
    (1 - level) (w - e)^2 / (2 w), where e = n - start.
    """
    start = points[-2]
    n = int(np.floor(start - 0.5)) + 1
    tail = mean
    for k in range(1, n + 1):
        tail -= at_least[k] / at_least[1]
    e, wanted = n - start, tail / (1.0 - level)
    room = max(e + wanted, 0.0)
    points[-1] = start + room + np.sqrt(max(room * room - e * e, 0.0))
