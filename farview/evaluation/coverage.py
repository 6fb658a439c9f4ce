"""Does an interval hold what it promises? Coverage of laws with atoms, by group, and of totals."""

from dataclasses import dataclass

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.pit import share_inside

FREQUENCY_GROUPS = ("0", "1", "2", "3", "4+")


def coverage(below: FloatArray, upto: FloatArray, level: float) -> float:
    """PIT coverage: mean part of [F(y-), F(y)] inside the central band of that level, which a perfect forecast meets.

    Args:
        below: F(y-), shape (customers,).
        upto: F(y), shape (customers,).
        level: of the central band [(1 - level) / 2, (1 + level) / 2].
    """
    return float(share_inside(below, upto, (1 - level) / 2, (1 + level) / 2).mean())


def coverage_by_group(below: FloatArray, upto: FloatArray, level: float, group: IntArray) -> dict[int, float]:
    """The same within each group, by the group's number; groups without customers are absent."""
    inside = share_inside(below, upto, (1 - level) / 2, (1 + level) / 2)
    return {int(g): float(inside[group == g].mean()) for g in np.unique(group)}


def frequency_group(frequency: IntArray) -> IntArray:
    """0, 1, 2, 3 and 4 for x = 0, 1, 2, 3 and 4 or more; index into FREQUENCY_GROUPS."""
    return np.minimum(frequency, 4).astype(np.int64)


def decile_group(forecast: FloatArray) -> IntArray:
    """Deciles by forecast, 0 the highest, sizes equal within one; ties keep the order of the rows."""
    n = len(forecast)
    group = np.empty(n, dtype=np.int64)
    group[np.argsort(-forecast, kind="stable")] = np.arange(n) * 10 // max(n, 1)
    return group


@dataclass(frozen=True, slots=True)
class NaiveCoverage:
    """Share of actuals between two quantiles of their law, ends included, beside what that share is when perfect.

    With atoms the second is above the level: for counts whose P(0) is large it is far above.
    """

    observed: float
    expected: float


def naive_coverage(actual: FloatArray, low: FloatArray, high: FloatArray, probability: FloatArray) -> NaiveCoverage:
    """Coverage of the closed interval [low, high].

    Args:
        actual: shape (customers,).
        low: lower quantile of each customer's law, shape (customers,).
        high: upper quantile, shape (customers,).
        probability: F(high) - F(low-), the law's own probability of the closed interval, shape (customers,).
    """
    return NaiveCoverage(
        observed=float(((low <= actual) & (actual <= high)).mean()), expected=float(probability.mean())
    )


def total_coverage(total: float, draws: FloatArray, level: float) -> bool:
    """Whether the actual total lies in the central interval of its joint draws, shape (draws,)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return bool(low <= total <= high)
