"""Customers in blocks of equal purchase histories: what depends on a history alone is computed once for all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from ltv.rows import floats

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BLOCK_CUSTOMERS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Up to 256 customers of one group and the distinct histories among them."""

    group: int
    x: FloatArray  # repeat purchases, shape (histories,)
    recency: FloatArray  # days, shape (histories,)
    age: FloatArray  # days, shape (histories,)
    customers: IntArray  # rows of the table, those of one history beside each other, shape (customers,)
    first: IntArray  # place of each history's first customer among them, shape (histories,)

    @property
    def copies(self) -> IntArray:
        """Customers of each history, shape (histories,)."""
        return np.diff(np.append(self.first, len(self.customers)))

    def summed(self, of_customers: FloatArray) -> FloatArray:
        """Sums over the customers of each history: (draws, customers) to (draws, histories)."""
        return np.asarray(np.add.reduceat(of_customers, self.first, axis=1))

    def spread(self, of_histories: FloatArray) -> FloatArray:
        """Each customer's history's: (draws, histories) to (draws, customers)."""
        return np.repeat(of_histories, self.copies, axis=1)


def blocks(rfm: pa.Table, group: npt.NDArray[np.int64]) -> Iterator[Block]:
    """All customers, group by group, rising in x within each.

    Args:
        rfm: `schemas.RFM`.
        group: of each customer, shape (customers,); a block holds one group's.
    """
    x, recency, age = (floats(rfm, name) for name in (c.FREQUENCY, c.RECENCY_DAYS, c.AGE_DAYS))
    order = np.lexsort((recency, age, x, group))
    keys = np.stack([group.astype(np.float64), x, recency, age])[:, order]
    ends_group = np.flatnonzero(np.diff(keys[0])) + 1
    for part in np.split(np.arange(len(order)), ends_group):
        for start in range(0, len(part), BLOCK_CUSTOMERS):
            held = part[start : start + BLOCK_CUSTOMERS]
            here = keys[1:, held]
            first = np.flatnonzero(np.append(True, np.any(np.diff(here, axis=1) != 0, axis=0)))
            x_of, recency_of, age_of = here[:, first]
            yield Block(int(keys[0, held[0]]), x_of, recency_of, age_of, order[held], first)
