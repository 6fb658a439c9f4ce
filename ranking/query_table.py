"""What learned rankers are fitted to: graded candidates of queries, with their features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import Queries


@dataclass(frozen=True, slots=True, eq=False)
class QueryTable:
    """n candidates of q queries, query by query; of logged lists in the order in which they were shown."""

    features: NDArray[np.float32]  # (n, f), NaN where unknown
    grades: IntArray  # (n,) 0 to 31: 0 impression, 1 click, 2 cart, 3 checkout, 4 purchase in Farview's own logs
    queries: Queries
    prices: FloatArray | None = None  # (n,) above 0, any one currency
    looked_at: FloatArray | None = None  # (n,) in (0, 1]: chance of a look, over that of the first place; None: alike

    def take(self, chosen: IntArray) -> "QueryTable":
        """Some queries alone, shape (m,) of their numbers."""
        rows = self.queries.rows_of(chosen)
        prices, looked_at = (None if each is None else each[rows] for each in (self.prices, self.looked_at))
        return QueryTable(self.features[rows], self.grades[rows], self.queries.take(chosen), prices, looked_at)

    def with_grade(self, least: int) -> IntArray:
        """Numbers of the queries in which some candidate has at least that grade."""
        return np.flatnonzero(np.maximum.reduceat(self.grades, self.queries.starts[:-1]) >= least)
