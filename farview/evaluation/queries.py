"""Lists of candidates that belong together: the rows of one query lie side by side."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Queries:
    """q queries over n rows; query j is rows starts[j] to starts[j + 1] - 1, at least one."""

    starts: IntArray  # (q + 1,) ascending, from 0 to n

    @classmethod
    def of_sizes(cls, sizes: IntArray) -> "Queries":
        """Queries of so many rows each, shape (q,).

        Raises:
            InvalidInput: on `sizes`, when there are none or one is below 1.
        """
        if len(sizes) == 0 or (sizes < 1).any():
            raise InvalidInput.of("sizes", "every query needs at least one row, and there must be a query")
        return cls(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> int:
        """How many rows the queries have together."""
        return int(self.starts[-1])

    @cached_property
    def sizes(self) -> IntArray:
        """Rows of each query, shape (q,)."""
        return np.diff(self.starts)

    @cached_property
    def of_row(self) -> IntArray:
        """The query of each row, shape (n,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def rows_of(self, chosen: IntArray) -> IntArray:
        """The rows of some queries, query by query in the order they are named."""
        sizes = self.sizes[chosen]
        before = np.cumsum(sizes) - sizes
        return np.arange(int(sizes.sum())) + np.repeat(self.starts[:-1][chosen] - before, sizes)

    def take(self, chosen: IntArray) -> "Queries":
        """Some queries alone; their rows are `rows_of(chosen)`."""
        return Queries.of_sizes(self.sizes[chosen])

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum over each query's rows; values (n,) to (q,)."""
        return np.add.reduceat(values, self.starts[:-1])

    def standardised(self, values: FloatArray) -> FloatArray:
        """Values less their query's mean over its standard deviation; 0 where a query's values are all equal."""
        centred = values - (self.sums(values) / self.sizes)[self.of_row]
        spread = np.sqrt(self.sums(centred**2) / self.sizes)[self.of_row]
        level = 1e-12 * np.abs(values).max(initial=0.0)  # what rounding alone leaves
        return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > level)

    def ascending_ranks(self, values: FloatArray) -> FloatArray:
        """Rank of each row within its query, 1 for the lowest value; equal values share their average. Shape (n,)."""
        order = np.lexsort((values, self.of_row))
        first, last = _runs(self.of_row[order], values[order])
        ranks = np.empty(len(values))
        ranks[order] = (first + last) / 2 + 1 - self.starts[self.of_row[order]]
        return ranks


def _runs(query: IntArray, ordered: FloatArray) -> tuple[IntArray, IntArray]:
    """Of rows sorted within their queries: first and last position of the run of equal values each row is in."""
    new = np.ones(len(ordered), dtype=np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]) | (query[1:] != query[:-1])
    begins = np.flatnonzero(new)
    run = np.cumsum(new) - 1
    return begins[run], np.append(begins[1:], len(ordered))[run] - 1


def tied_means(queries: Queries, scores: FloatArray, values: FloatArray) -> FloatArray:
    """Values by descending score within each query, equal scores sharing their mean; shape (n,).

    What any function that is linear in the values of the places expects of a random order among equal scores.
    Source: McSherry, Najork (2008), "Computing information retrieval performance measures efficiently in the presence
    of tied scores", ECIR, section 3.
    """
    order = np.lexsort((-scores, queries.of_row))
    first, last = _runs(queries.of_row[order], scores[order])
    # Means run by run, not by differences of one long sum, which would lose digits.
    begins = np.flatnonzero(first == np.arange(len(first)))
    totals = np.add.reduceat(values[order], begins)
    return np.repeat(totals / np.diff(np.append(begins, len(first))), (last - first + 1)[begins])


def folds_of(queries: int, folds: int, seed: int, *key: str) -> IntArray:
    """A fold for every query, shape (queries,), sizes differing by at most one; the same for the same seed and key."""
    return generator(seed, "query folds", *key).permutation(queries) % folds
