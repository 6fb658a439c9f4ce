"""The law of a count that may run into thousands: P(N >= n) at a few hundred n."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from farview.core.cell_points import points_of
from farview.core.count_points import count_points
from ltv.kernel_purchases import LARGEST_COUNT

FloatArray = npt.NDArray[np.float64]

COUNTS = 192
REST = 1e-7
MOST_LOG_POWER = 1.0  # a law that must be bent more for its mean is another law
NEVER = 1e-200  # a purchase less likely than that has no law; its grid is all zeros


@dataclass(frozen=True, slots=True)
class CountLaw:
    """P(N >= n) at rising n that start with 1; all integers from n[k] up to n[k + 1] share one probability."""

    n: FloatArray
    at_least: FloatArray  # the last is 0

    def quantiles_given_some(self, levels: FloatArray) -> FloatArray:
        """Of N + U given N > 0, U uniform on [-1/2, 1/2]."""
        return np.interp(levels, 1.0 - self.at_least / max(self.at_least[0], NEVER), self.n - 0.5)

    def points(self, levels: FloatArray, mean: float) -> FloatArray:
        """Of the quantile grid, for N with that mean given N > 0."""
        if self.quantiles_given_some(levels)[-2] > LARGEST_COUNT:
            return points_of(1.0 - self.at_least / max(self.at_least[0], NEVER), self.n - 0.5, levels, mean)
        reached = np.log(np.maximum(self.at_least[:-1], NEVER))
        every = np.exp(np.interp(np.log(np.arange(1.0, LARGEST_COUNT + 1.0)), np.log(self.n[:-1]), reached, right=-1e3))
        points = np.empty(len(levels))
        count_points(np.concatenate([[1.0], every, [0.0]]), LARGEST_COUNT, mean, levels, points)
        return points

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """Of N."""
        some = max(self.at_least[0], NEVER)
        inside = self.quantiles_given_some(np.maximum(levels - (1.0 - some), 0.0) / some)
        return np.where(levels <= 1.0 - some, 0.0, np.maximum(np.ceil(inside - 0.5), 1.0))

    @property
    def mean(self) -> float:
        """E N, the sum of P(N >= n) over n = 1, 2, ...: between two n of the law it falls in a straight line."""
        return float(0.5 * self.at_least[0] + 0.5 * np.diff(self.n) @ (self.at_least[1:] + self.at_least[:-1]))

    def with_mean(self, mean: float) -> "CountLaw":
        """The law nearby that has this mean, and P(N > 0) as it is.

        What a law averaged over few draws or nodes is off by in the mean is put right by a power of P(N >= n | N > 0).
        A mean that would take one beyond e, or below 1 / e, changes nothing.
        """
        given_some = self.at_least / max(self.at_least[0], NEVER)

        def bent(log_power: float) -> CountLaw:
            return CountLaw(self.n, self.at_least[0] * given_some ** np.exp(log_power))

        def too_low(log_power: float) -> float:
            return mean - bent(log_power).mean

        if not too_low(-MOST_LOG_POWER) < 0.0 < too_low(MOST_LOG_POWER):
            return self
        return bent(brentq(too_low, -MOST_LOG_POWER, MOST_LOG_POWER, xtol=1e-6))

    @classmethod
    def of(cls, at_least: Callable[[FloatArray], FloatArray], bulk: tuple[float, float], some: float) -> Self:
        """The law whose P(N >= n) a function gives, most of it within `bulk`, with the exact P(N > 0)."""
        n = np.linspace(*bulk, COUNTS // 2)
        top = float(n[-1])
        first = at_least(np.array([1.0]))[0]
        while at_least(np.array([top]))[0] > REST * first:
            top *= 1.5
        n = np.unique(np.round(np.concatenate([n[n > 1.0], np.geomspace(1.0, top, COUNTS // 2)])))
        reached = np.minimum.accumulate(at_least(n))
        return cls(np.append(n, n[-1] + 1.0), np.append(reached, 0.0) * (some / max(reached[0], NEVER)))
