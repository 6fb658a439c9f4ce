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


def debiased_ndcg_at(k: int, grades: IntArray, looked_at: FloatArray, scores: FloatArray, queries: Queries) -> float:
    """NDCG that a log would show had every place been looked at alike: gains over the chance of a look, over all
    queries together. NaN where all grades are 0.

    An inverse-propensity estimate of the gain: a click far down counts for all those that nobody could have made.
    Gains and their best are summed before they are divided, since of a query with a single click nothing but the
    weight tells a look far down from one on top.

    Args:
        k: places looked at; a shorter query is looked at whole.
        grades: 0 or more, shape (rows,).
        looked_at: of the place where the row was shown, over that of the first, in (0, 1], shape (rows,).
        scores: shape (rows,).

    Source: Joachims, Swaminathan, Schnabel (2017), WSDM, eq. (5), with the gains of `ndcg_at`.
    """
    reached, best = _gained(k, (np.exp2(grades) - 1) / looked_at, scores, queries)
    return float(reached.sum() / best.sum()) if best.sum() > 0 else float("nan")


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


def intra_list_distance_at(k: int, features: FloatArray, scores: FloatArray, queries: Queries) -> FloatArray:
    """Mean of 1 - cosine over the pairs among the first k places: how unlike one another the items of a list are.

    Equal scores stand in the order of their rows: of pairs there is no share to give each.

    Args:
        k: places looked at, at least 2.
        features: what makes items alike, shape (rows, f); a row of zeros is like nothing.
        scores: shape (rows,).

    Returns:
        Shape (queries,), in [0, 2]; NaN for a query with a single row.

    Source: Ziegler, McNee, Konstan, Lausen (2005), WWW, eq. (1), as a distance and averaged over pairs.
    """
    order = np.lexsort((-scores, queries.of_row))
    shown = (_places(queries) < _checked(k))[:, None]
    length = np.sqrt(np.einsum("if,if->i", features, features))[order, None]
    rows = np.divide(features[order], length, out=np.zeros(features.shape), where=shown & (length > 0))
    starts = queries.starts[:-1]
    whole = np.add.reduceat(rows, starts, axis=0)
    alike = (whole**2).sum(axis=1) - np.add.reduceat((rows**2).sum(axis=1), starts)  # each pair twice
    places = np.minimum(queries.sizes, k)
    pairs = (places * (places - 1)).astype(np.float64)
    return 1 - np.divide(alike, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def discounts_at(k: int, places: IntArray) -> FloatArray:
    """1 / log2(2 + place) for places from 0, and 0 from place k on."""
    return np.where(places < _checked(k), 1 / np.log2(places + 2.0), 0.0)


def _gained(k: int, gains: FloatArray, scores: FloatArray, queries: Queries) -> tuple[FloatArray, FloatArray]:
    """Discounted gain of the first k places, and of the best order; each (queries,)."""
    weights = discounts_at(k, _places(queries))
    reached = queries.sums(weights * tied_means(queries, scores, gains))
    return reached, queries.sums(weights * tied_means(queries, gains, gains))


def _normalised(k: int, gains: FloatArray, scores: FloatArray, queries: Queries) -> FloatArray:
    reached, best = _gained(k, gains, scores, queries)
    return np.divide(reached, best, out=np.full(len(queries), np.nan), where=best > 0)


def _places(queries: Queries) -> IntArray:
    """0, 1, ... within each query, shape (rows,)."""
    return np.arange(queries.rows) - queries.starts[queries.of_row]


def _checked(k: int) -> int:
    if k < 1:
        raise InvalidInput.of("k", f"{k} is not a number of places; at least 1")
    return k
