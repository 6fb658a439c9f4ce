"""The empirical distribution of a figure over queries: where it lies as a whole, not only its mean."""

from dataclasses import dataclass

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Ecdf:
    """Share of queries with a figure of at most x, for x from 0 to `most`. A good ranking stays low until late."""

    values: FloatArray  # (queries,) ascending, those that have the figure
    most: float  # the figure's largest possible value: 1 for NDCG, the dearest item for a price

    @classmethod
    def of(cls, figures: FloatArray, most: float = 1.0) -> "Ecdf":
        """Of one figure per query, NaN where there is none.

        Raises:
            InvalidInput: on `figures`, when no query has one or one lies outside 0 to `most`.
        """
        known = np.sort(figures[~np.isnan(figures)])
        if len(known) == 0:
            raise InvalidInput.of("figures", "no query has the figure (are all grades 0?)")
        slack = 1e-9 * max(most, 1.0)
        if known[0] < -slack or known[-1] > most + slack:
            raise InvalidInput.of("figures", f"lie from {known[0]:g} to {known[-1]:g}; they must be in 0 to {most:g}")
        return cls(known, most)

    def __call__(self, at: FloatArray) -> FloatArray:
        """Share of queries with a figure of at most `at`."""
        return np.searchsorted(self.values, at, side="right") / len(self.values)

    @property
    def area(self) -> float:
        """Area under the curve from 0 to `most`, in the figure's unit: `most` less the mean. Smaller is better."""
        return float(self.most - self.values.mean())

    def reduction(self, baseline: "Ecdf") -> float | None:
        """By which share the area is smaller than the baseline's; negative when larger, None when that has none."""
        return 1 - self.area / baseline.area if baseline.area > 0 else None
