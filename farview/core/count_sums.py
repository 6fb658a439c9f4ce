"""Sums over all whole numbers of the cdf of a count whose cdf is linear in n between the edges of a quantile grid.

Each function takes rows of laws at once and costs as much for counts of a million as for counts of ten.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Whole numbers n >= 1 by the segment of the grid that holds n + 1/2: there the cdf is linear in n."""

    first: FloatArray  # (rows, segments) smallest n of the run
    length: FloatArray  # (rows, segments) how many; may be 0
    start: FloatArray  # (rows, segments) P(N <= first)
    slope: FloatArray  # (rows, segments) growth of P(N <= n) per n
    end: FloatArray  # (rows,) from this n on the cdf is 1


def runs(edges: FloatArray, cumulative: FloatArray) -> Runs:
    """Args: edges of the law of N + U, never decreasing, and its cdf there, both (rows, segments + 1)."""
    low, high = edges[:, :-1], edges[:, 1:]
    first = np.maximum(np.ceil(low - 0.5), 1.0)
    length = np.maximum(np.ceil(high - 0.5) - first, 0.0)
    width = high - low
    slope = (cumulative[:, 1:] - cumulative[:, :-1]) / np.where(width > 0, width, 1.0)
    start = cumulative[:, :-1] + slope * (first + 0.5 - low)
    return Runs(first, length, start, slope, np.maximum(np.ceil(edges[:, -1] - 0.5), 1.0))


def crps(law: Runs, p_zero: FloatArray, y: FloatArray) -> FloatArray:
    """Sum over n >= 0 of (P(N <= n) - [n >= y])^2, for whole y >= 0; all (rows,)."""
    before = np.clip(y[:, None] - law.first, 0.0, law.length)  # how many n of the run are below y
    below = _sum_of_squares(law.start, law.slope, before)
    above = _sum_of_squares(1.0 - law.start - law.slope * before, -law.slope, law.length - before)
    at_zero = np.where(y > 0, p_zero, 1.0 - p_zero) ** 2
    return np.asarray(at_zero + (below + above).sum(axis=1) + np.maximum(y - law.end, 0.0))


def second_moment(law: Runs, p_zero: FloatArray) -> FloatArray:
    """E N^2, the sum over n >= 0 of (2 n + 1) P(N > n), (rows,)."""
    m, odd = law.length, 2.0 * law.first + 1.0
    pairs = m * (m - 1.0)
    squares = pairs * (2.0 * m - 1.0) / 6.0
    each = (1.0 - law.start) * (odd * m + pairs) - law.slope * (odd * pairs / 2.0 + 2.0 * squares)
    return np.asarray(1.0 - p_zero + each.sum(axis=1))


def partial_moments(law: Runs, p_zero: FloatArray, cut: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E max(cut - N, 0) and E max(N - cut, 0) for whole cuts, each (rows,)."""
    before = np.clip(cut[:, None] - law.first, 0.0, law.length)
    rest = law.length - before
    shortfall = law.start * before + law.slope * before * (before - 1.0) / 2.0
    excess = (1.0 - law.start - law.slope * before) * rest - law.slope * rest * (rest - 1.0) / 2.0
    some = cut > 0
    below = np.where(some, p_zero, 0.0) + shortfall.sum(axis=1) + np.maximum(cut - law.end, 0.0)
    return below, np.where(some, 0.0, 1.0 - p_zero) + excess.sum(axis=1)


def _sum_of_squares(start: FloatArray, slope: FloatArray, count: FloatArray) -> FloatArray:
    """Sum over k < count of (start + slope k)^2."""
    pairs = count * (count - 1.0)
    return start * start * count + start * slope * pairs + slope * slope * pairs * (2.0 * count - 1.0) / 6.0
