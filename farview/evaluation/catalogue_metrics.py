"""How good lists drawn from a whole catalogue are: hits, reach, price and popularity of the items shown."""

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.list_metrics import discounts_at


def list_ndcg(shown: IntArray, relevant: np.ndarray) -> FloatArray:
    """Binary NDCG of each list: gain 1 where the item is relevant, over that of a list of relevant items alone.

    Args:
        shown: items by place, shape (lists, k); -1 where a list is shorter.
        relevant: shape (lists, items), True or False; at least one True a row.

    Returns:
        Shape (lists,), in [0, 1].
    """
    k = shown.shape[1]
    discount = discounts_at(k, np.arange(k))
    reached = (hits(shown, relevant) * discount).sum(axis=1)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(relevant.sum(axis=1), k)]
    return reached / best


def hits(shown: IntArray, relevant: np.ndarray) -> np.ndarray:
    """Which places hold a relevant item, shape (lists, k)."""
    return np.take_along_axis(relevant, np.maximum(shown, 0), axis=1) & (shown >= 0)


def mean_over_list(values: FloatArray, shown: IntArray) -> FloatArray:
    """Mean of a value of items over each list, shape (lists,); NaN for an empty list and for unknown values alone."""
    known = (shown >= 0) & ~np.isnan(values[np.maximum(shown, 0)])
    total = np.where(known, values[np.maximum(shown, 0)], 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.divide(total, count, out=np.full(len(shown), np.nan), where=count > 0)


def coverage(labels: IntArray, shown: IntArray) -> float:
    """Share of the labels (of items: themselves, or their categories) that any list shows.

    Args:
        labels: of each item, shape (items,).
        shown: shape (lists, k).
    """
    seen = np.unique(labels[np.unique(shown[shown >= 0])])
    return len(seen) / len(np.unique(labels))


def popularity_percentile(buyers: FloatArray) -> FloatArray:
    """Share of items with at most as many buyers, shape (items,): near 1 for the most bought.

    Its mean over lists is the higher, the more a model favours what is popular anyway.
    """
    return np.searchsorted(np.sort(buyers), buyers, side="right") / len(buyers)
