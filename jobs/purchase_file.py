"""A file of purchased items, and perhaps one of the catalogue, as numbers."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from jobs.table_file import text_columns


@dataclass(frozen=True, slots=True)
class PurchaseColumns:
    """What the files call their columns."""

    customer: str = "customer_id"
    item: str = "item_id"
    time: str = "time"
    amount: str | None = None  # of a row, for prices
    category: str | None = None  # in the catalogue where there is one, else in the purchases


@dataclass(frozen=True, slots=True, eq=False)
class PurchaseLog:
    """n purchases by time, of c customers and m items."""

    customer: IntArray  # (n,)
    item: IntArray  # (n,)
    day: NDArray[np.datetime64]  # (n,) calendar day as the file writes it, ascending
    amount: FloatArray  # (n,) NaN where not known
    category: IntArray  # (m,) 0, 1, ...; all 0 where none is known
    customers: int
    rejected_rows: int

    @property
    def items(self) -> int:
        """How many items were ever bought."""
        return len(self.category)


def read_purchases(path: Path, columns: PurchaseColumns, catalogue: Path | None) -> PurchaseLog:
    """All rows with a customer, an item and a time.

    Args:
        path: CSV, TSV or Parquet, perhaps compressed.
        columns: what it calls them.
        catalogue: items with their category, one row each; its items are called as in `path`.

    Raises:
        InvalidInput: a file or a column is missing, or no row is good.
    """
    own = [columns.amount, columns.category if catalogue is None else None]
    names = [columns.customer, columns.item, columns.time, *(name for name in own if name is not None)]
    texts = text_columns(path, names)
    blank = pa.nulls(len(texts), pa.string())
    given = pa.table(
        {
            "customer": texts[columns.customer],
            "item": texts[columns.item],
            "time": texts[columns.time],
            "amount": texts[columns.amount] if columns.amount else blank,
            "line": np.arange(len(texts)),
        }
    )
    with duckdb.connect() as connection:
        rows = (
            connection.from_arrow(given)
            .project("customer, item, try_cast(time as timestamp) as time, try_cast(amount as double) as amount, line")
            .to_arrow_table()
        )
    good = pc.and_(
        pc.and_(pc.not_equal(rows["customer"], ""), pc.not_equal(rows["item"], "")), pc.is_valid(rows["time"])
    )
    kept = rows.filter(good).sort_by([("time", "ascending"), ("line", "ascending")])
    if len(kept) == 0:
        raise InvalidInput.of(str(path), f"no row has {columns.customer}, {columns.item} and a time in {columns.time}")
    customer, item = (pc.dictionary_encode(kept[name].combine_chunks()) for name in ("customer", "item"))
    return PurchaseLog(
        customer=customer.indices.to_numpy().astype(np.int64),
        item=item.indices.to_numpy().astype(np.int64),
        day=kept["time"].to_numpy().astype("datetime64[D]"),
        amount=kept["amount"].to_numpy().astype(np.float64),
        category=_categories(item.dictionary, texts if catalogue is None else None, columns, catalogue),
        customers=len(customer.dictionary),
        rejected_rows=len(rows) - len(kept),
    )


def _categories(items: pa.Array, texts: pa.Table | None, columns: PurchaseColumns, catalogue: Path | None) -> IntArray:
    """The category of each item; those that are not described share one."""
    if columns.category is None:
        return np.zeros(len(items), dtype=np.int64)
    if texts is None:
        assert catalogue is not None
        texts = text_columns(catalogue, [columns.item, columns.category])
    of_item = dict(zip(texts[columns.item].to_pylist(), texts[columns.category].to_pylist(), strict=True))
    names = [of_item.get(item, "") for item in items.to_pylist()]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)
