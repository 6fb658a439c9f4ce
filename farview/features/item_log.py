"""Lists of items as integer codes: what was shown to whom on which day, what came of it, and what items are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core import columns as c

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNKNOWN = -1
CLICK, PURCHASE = 1, 4  # grades from which on an item was clicked, bought


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the catalogue tells of rows of items; each array of shape (rows,)."""

    item: IntArray  # code; UNKNOWN for an item that is not coded
    category: IntArray  # code, or UNKNOWN
    brand: IntArray  # code, or UNKNOWN
    price: FloatArray  # reporting currency; NaN where not known
    margin: FloatArray  # of one sale; NaN where not known
    added_day: FloatArray  # days since 1970; NaN where not known

    def take(self, rows: IntArray) -> "Facts":
        """Some rows."""
        return Facts(
            *(getattr(self, name)[rows] for name in ("item", "category", "brand", "price", "margin", "added_day"))
        )


@dataclass(frozen=True)
class Codes:
    """The names behind the codes of items, categories and brands; each increasing."""

    items: tuple[str, ...]
    categories: tuple[str, ...]
    brands: tuple[str, ...]

    @classmethod
    def of(cls, catalogue: pa.Table, shown: Sequence[str] = ()) -> "Codes":
        """Codes of a catalogue (schemas.ITEMS) and of items that were shown and are not, or no longer, in it."""
        items = sorted({*catalogue[c.ITEM_ID].to_pylist(), *shown})
        named = (sorted(set(catalogue[name].drop_null().to_pylist())) for name in ("category", "brand"))
        return cls(tuple(items), *(tuple(names) for names in named))

    @cached_property
    def _places(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Code by name: of items, categories and brands."""
        items, categories, brands = (
            {name: code for code, name in enumerate(names)} for names in (self.items, self.categories, self.brands)
        )
        return items, categories, brands

    def facts(self, catalogue: pa.Table, item_ids: pa.Array) -> Facts:
        """What is known of items, row by row; of those that the catalogue (schemas.ITEMS) lacks the code alone."""
        row = pc.index_in(item_ids, value_set=catalogue[c.ITEM_ID].combine_chunks())
        found = catalogue.take(row)
        items, categories, brands = self._places
        return Facts(
            item=codes_of(item_ids, items),
            category=codes_of(found["category"], categories),
            brand=codes_of(found["brand"], brands),
            price=_floats(found["price"]),
            margin=_floats(found["margin"]),
            added_day=_floats(found["added"].cast(pa.int32())),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ItemLog:
    """n rows of lists, list by list, in the order in which items were shown."""

    list_of_row: IntArray  # (n,) 0, 1, ... without gaps, never falling
    customer: IntArray  # (n,) code
    day: IntArray  # (n,) business-zone day, days since 1970
    position: IntArray  # (n,) from 1
    grade: IntArray  # (n,)
    propensity: FloatArray  # (n,) NaN where not logged
    facts: Facts

    def __len__(self) -> int:
        return len(self.day)


def item_log(shown: pa.Table, catalogue: pa.Table, codes: Codes, zone: str) -> ItemLog:
    """The log in arrays, lists by day and then by id.

    Args:
        shown: schemas.IMPRESSIONS, in any order.
        catalogue: schemas.ITEMS, as it is now: a catalogue has no history.
        codes: of items, categories and brands.
        zone: of the business.
    """
    days = business_days(shown[c.TIME], zone)
    ordered = shown.append_column("day", pa.array(days)).sort_by(
        [("day", "ascending"), ("query_id", "ascending"), ("position", "ascending"), (c.ITEM_ID, "ascending")]
    )
    query = ordered["query_id"].combine_chunks()
    starts = np.ones(len(ordered), dtype=np.int64)
    if len(ordered) > 1:
        starts[1:] = pc.not_equal(query[1:], query[:-1]).to_numpy(zero_copy_only=False)
    return ItemLog(
        list_of_row=np.cumsum(starts) - 1,
        customer=_dense(ordered[c.CUSTOMER_ID]),
        day=ordered["day"].to_numpy(),
        position=ordered["position"].to_numpy(),
        grade=ordered["grade"].to_numpy(),
        propensity=_floats(ordered[c.PROPENSITY]),
        facts=codes.facts(catalogue, ordered[c.ITEM_ID].combine_chunks()),
    )


def business_days(times: pa.ChunkedArray, zone: str) -> IntArray:
    """Days since 1970 in the business zone, shape (rows,), of instants."""
    local = pc.local_timestamp(times.cast(pa.timestamp("us", tz=zone)))
    days: IntArray = local.cast(pa.date32(), safe=False).cast(pa.int32()).to_numpy().astype(np.int64)
    return days


def codes_of(names: pa.Array | pa.ChunkedArray, known: Mapping[str, int]) -> IntArray:
    """Code of each name, UNKNOWN for null and for names that have none; shape (rows,).

    By a dict that lasts: Arrow would build its own of all that is known for every list.
    """
    return np.fromiter((known.get(name, UNKNOWN) for name in names.to_pylist()), np.int64, len(names))


def _dense(names: pa.ChunkedArray) -> IntArray:
    codes: IntArray = names.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def _floats(column: pa.ChunkedArray) -> FloatArray:
    values: FloatArray = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    return values
