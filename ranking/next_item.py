"""What a customer buys next: scores of the whole catalogue from who bought what before.

A history is a row of a sparse 0/1 matrix, customers x items: bought before or not.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from farview.evaluation.arrays import FloatArray, IntArray

SHRINKAGES = (0.0, 5.0, 20.0, 100.0)  # of the cosine; chosen by an earlier split
FEWEST_SEQUENCES = 20  # customers with two items or more whom a network of sequences learns from


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """What customers bought by a split."""

    bought: sparse.csr_matrix  # (customers, items) 0 or 1
    items: IntArray  # (n,) bought, by customer and then by time; an item as often as it was bought
    starts: IntArray  # (customers + 1,) where each customer's begin in `items`

    @classmethod
    def of(cls, customer: IntArray, item: IntArray, shape: tuple[int, int]) -> "Histories":
        """From rows in the order of time: customers and items, each shape (n,), and how many there are of each."""
        bought = sparse.csr_matrix((np.ones(len(item)), (customer, item)), shape=shape)
        bought.data[:] = 1.0
        starts = np.concatenate([[0], np.cumsum(np.bincount(customer, minlength=shape[0]))])
        return cls(bought, item[np.argsort(customer, kind="stable")], starts)

    @property
    def sequences(self) -> int:
        """Customers with two items or more."""
        return int(np.count_nonzero(np.diff(self.starts) >= 2))

    @property
    def last_item(self) -> IntArray:
        """Bought last, shape (customers,); -1 of customers without a purchase."""
        found = np.full(len(self.starts) - 1, -1, dtype=np.int64)
        some = self.starts[1:] > self.starts[:-1]
        found[some] = self.items[self.starts[1:][some] - 1]
        return found

    def last_items(self, customers: IntArray, most: int) -> tuple[IntArray, IntArray]:
        """The last items of customers, oldest first, shape (customers, at most `most`), -1 behind; and how many."""
        begin, end = self.starts[customers], self.starts[customers + 1]
        length = np.minimum(end - begin, most)
        place = np.arange(int(length.max(initial=0)))
        inside = place < length[:, None]
        taken = np.where(inside, (end - length)[:, None] + place, 0)
        items = self.items[taken] if len(self.items) else np.zeros_like(taken)
        return np.where(inside, items, -1), length


class NextItemModel(Protocol):
    """Scores of all items for some customers."""

    def scores(self, histories: Histories, customers: IntArray) -> FloatArray:
        """Shape (customers named, items); the higher, the sooner shown. Ties are left to the caller."""


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """How many customers bought the item."""

    buyers: FloatArray  # (items,)

    @classmethod
    def fit(cls, histories: Histories) -> "Popularity":
        """Counts buyers."""
        return cls(np.asarray(histories.bought.sum(axis=0), dtype=np.float64).ravel())

    def scores(self, histories: Histories, customers: IntArray) -> FloatArray:  # noqa: ARG002 - no history matters
        """The same for everybody."""
        return np.broadcast_to(self.buyers, (len(customers), len(self.buyers)))


@dataclass(frozen=True, slots=True, eq=False)
class LastCategory:
    """The popular items of the category bought last, then the popular ones of the rest."""

    buyers: FloatArray  # (items,)
    category: IntArray  # (items,)

    def scores(self, histories: Histories, customers: IntArray) -> FloatArray:
        """Buyers, raised above all others inside the category."""
        last = histories.last_item[customers]
        wanted = np.where(last >= 0, self.category[last], -1)
        return self.buyers + (self.buyers.max() + 1) * (self.category == wanted[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class ItemKnn:
    """Sum over the items bought of their shrunk cosine with the item.

    The cosine of i and j is (buyers of both) / (sqrt(buyers of i x buyers of j) + shrinkage).

    Source: Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms", ACM TOIS 22(1), section 4.1;
    the shrinkage keeps pairs that few bought from leading.
    """

    alike: sparse.csr_matrix  # (items, items), diagonal 0

    @classmethod
    def fit(cls, histories: Histories, shrinkage: float) -> "ItemKnn":
        """Cosines of all pairs that somebody bought both of."""
        together = (histories.bought.T @ histories.bought).tocoo()
        buyers = np.asarray(histories.bought.sum(axis=0), dtype=np.float64).ravel()
        apart = together.row != together.col
        row, column = together.row[apart], together.col[apart]
        cosine = together.data[apart] / (np.sqrt(buyers[row] * buyers[column]) + shrinkage)
        return cls(sparse.csr_matrix((cosine, (row, column)), shape=together.shape))

    def scores(self, histories: Histories, customers: IntArray) -> FloatArray:
        """One sparse product."""
        return (histories.bought[customers] @ self.alike).toarray()


def top_items(scores: FloatArray, allowed: np.ndarray, k: int, popular: FloatArray) -> IntArray:
    """The k best allowed items of each row, best first; of equal scores the more popular, then that which stands first.

    Args:
        scores: shape (rows, items), finite.
        allowed: shape (rows, items), which items may be shown.
        k: places.
        popular: shape (items,), how many took the item.

    Returns:
        Shape (rows, k); -1 where fewer than k items are allowed.
    """
    by_popularity = np.argsort(-popular, kind="stable")
    masked = np.where(allowed, scores, -np.inf)[:, by_popularity]
    order = np.argsort(-masked, axis=1, kind="stable")[:, :k]
    found = np.where(np.isfinite(np.take_along_axis(masked, order, axis=1)), by_popularity[order], -1)
    return np.pad(found, ((0, 0), (0, max(0, k - found.shape[1]))), constant_values=-1)
