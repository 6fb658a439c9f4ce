"""What evaluation needs of one quantity's forecast: a mean, a score, and where the actual fell in the law."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from farview.core import quantile_grid
from farview.core.quantile_grid import GridLaw
from farview.evaluation.arrays import FloatArray
from farview.evaluation.coverage import NaiveCoverage, naive_coverage
from farview.evaluation.crps import crps_of_point

BLOCK_ROWS = 65_536  # laws at a time: scoring one takes a few kilobytes


@dataclass(frozen=True, slots=True)
class Pit:
    """Where actuals fell: [F(y-), F(y)], each shape (customers,)."""

    below: FloatArray
    upto: FloatArray


class Marginal(Protocol):
    """One quantity's forecast for every customer, in the order of the rows."""

    @property
    def mean(self) -> FloatArray:
        """Shape (customers,)."""

    def crps(self, actual: FloatArray) -> FloatArray:
        """Score of each customer's law, shape (customers,)."""

    def pit(self, actual: FloatArray) -> Pit | None:
        """None from point forecasts, whose coverage is not defined."""

    def naive_coverage(self, actual: FloatArray, level: float) -> NaiveCoverage | None:
        """Of the closed interval between the central quantiles; None from point forecasts."""


@dataclass(frozen=True, slots=True)
class PointMarginal:
    """A mean and nothing else."""

    mean: FloatArray

    def crps(self, actual: FloatArray) -> FloatArray:
        """The absolute error."""
        return crps_of_point(actual, self.mean)

    def pit(self, actual: FloatArray) -> None:  # noqa: ARG002 - the protocol's signature
        """Not defined."""
        return

    def naive_coverage(self, actual: FloatArray, level: float) -> None:  # noqa: ARG002
        """Not defined."""
        return


@dataclass(frozen=True, slots=True)
class GridMarginal:
    """A zero-inflated law on the quantile grid, with its exact mean."""

    mean: FloatArray
    law: GridLaw

    def crps(self, actual: FloatArray) -> FloatArray:
        """Exact for the grid's law."""
        law, scores = self.law, np.empty(len(actual))
        for start in range(0, len(actual), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            laws = GridLaw(law.p_zero[block], law.points[block], law.counts)
            scores[block] = quantile_grid.crps(laws, actual[block])
        return scores

    def pit(self, actual: FloatArray) -> Pit:
        """Atoms are at 0 and, for counts, at every whole number; negative actuals lie below the law."""
        return Pit(self._below(actual), quantile_grid.cdf(self.law, actual))

    def naive_coverage(self, actual: FloatArray, level: float) -> NaiveCoverage:
        """Of the closed interval between the quantiles at (1 -+ level) / 2."""
        low = quantile_grid.quantile(self.law, (1 - level) / 2)
        high = quantile_grid.quantile(self.law, (1 + level) / 2)
        return naive_coverage(actual, low, high, quantile_grid.cdf(self.law, high) - self._below(low))

    def _below(self, y: FloatArray) -> FloatArray:
        """F(y-)."""
        if self.law.counts:
            return quantile_grid.cdf(self.law, y - 1.0)
        return np.where(y > 0, quantile_grid.cdf(self.law, y), 0.0)
