"""How good the first k places of ranked lists are: one figure per query, NaN where a query has none.

Scores order a query's rows, highest first; a figure is the expectation over random orders of equal scores, so a
constant score gets what a random order would.
"""

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import Queries, tied_means


def ndcg_at(k: int, grades: IntArray, scores: FloatArray, queries: Queries) -> FloatArray:
    """Discounted gain of the first k places over that of the best order: gain 2^grade - 1, over log2(1 + place).

    Args:
        k: places looked at; a shorter query is looked at whole.
        grades: 0 or more, shape (rows,).
        scores: shape (rows,).

    Returns:
        Shape (queries,), in [0, 1]; NaN for a query whose grades are all 0.

    Source: Järvelin, Kekäläinen (2002), ACM TOIS 20(4); exponential gain by Burges et al. (2005), ICML.
    """
    return _normalised(k, np.exp2(grades) - 1, scores, queries)


def ndcp_at(k: int, prices: FloatArray, scores: FloatArray, queries: Queries) -> FloatArray:
    """NDCG with the price as gain, linear: 1 when the dearest items come first.

    Returns:
        Shape (queries,), in [0, 1]; NaN for a query whose prices are all 0.
    """
    return _normalised(k, prices, scores, queries)


def average_price_at(k: int, prices: FloatArray, scores: FloatArray, queries: Queries) -> FloatArray:
    """Mean price of the first k places, or of all where a query is shorter; shape (queries,), unit of the price."""
    seen = _places(queries) < _checked(k)
    shown = np.where(seen, tied_means(queries, scores, prices), 0.0)
    return queries.sums(shown) / np.minimum(queries.sizes, k)


def discounts_at(k: int, places: IntArray) -> FloatArray:
    """1 / log2(2 + place) for places from 0, and 0 from place k on."""
    return np.where(places < _checked(k), 1 / np.log2(places + 2.0), 0.0)


def _normalised(k: int, gains: FloatArray, scores: FloatArray, queries: Queries) -> FloatArray:
    weights = discounts_at(k, _places(queries))
    reached = queries.sums(weights * tied_means(queries, scores, gains))
    best = queries.sums(weights * tied_means(queries, gains, gains))
    return np.divide(reached, best, out=np.full(len(queries), np.nan), where=best > 0)


def _places(queries: Queries) -> IntArray:
    """0, 1, ... within each query, shape (rows,)."""
    return np.arange(queries.rows) - queries.starts[queries.of_row]


def _checked(k: int) -> int:
    if k < 1:
        raise InvalidInput.of("k", f"{k} is not a number of places; at least 1")
    return k
