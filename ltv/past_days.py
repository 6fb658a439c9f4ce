"""What models that learn from days in the past share: how far targets reach, whose events are read, and what came."""

import zlib
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.features.window import GROSS_VALUE, window

FloatArray = npt.NDArray[np.float64]

LONGEST_TARGET_DAYS = 365


def reference_days(first_day: date, last_day: date) -> int:
    """Length of a target that every day in the past has after it: a third of the span, at most a year."""
    return min((last_day - first_day).days // 3, LONGEST_TARGET_DAYS)


def of_some_customers(events: pa.Table, most: int, drawn_by: str) -> pa.Table:
    """The events of at most about so many customers, chosen by their ids alone.

    Args:
        events: schemas.EVENTS.
        most: customers.
        drawn_by: models of another name see other customers.
    """
    who = events.column(c.CUSTOMER_ID).combine_chunks().dictionary_encode()
    if len(who.dictionary) <= most:
        return events
    drawn = np.array([zlib.crc32((drawn_by + name).encode()) / 2**32 for name in who.dictionary.to_pylist()])
    return events.filter(pa.array((drawn < most / len(drawn))[who.indices.to_numpy()]))


def what_came(events: pa.Table, customers: pa.ChunkedArray, as_of: date, end: date, zone: str) -> FloatArray:
    """Purchases, net and gross value within (as_of, end], (3, customers)."""
    rows = window(events, as_of, end, zone).read_all()
    place = pc.index_in(customers, value_set=rows.column(c.CUSTOMER_ID).combine_chunks())
    names = (c.PURCHASES, c.VALUE, GROSS_VALUE)
    return np.stack([pc.fill_null(rows.column(name).cast(pa.float64()).take(place), 0.0).to_numpy() for name in names])
