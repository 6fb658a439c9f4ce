"""What customers did in a window of days: the target of a forecast, or its plain past."""

from datetime import date
from typing import Any

import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import zone as zone_of
from farview.features.bulk import AS_OF, Query, day, events_by_day, run, units

GROSS_VALUE = "gross_value"
HAS_POSITIVE = "has_positive"
AFTER = "after"  # the last day before the window

WINDOW = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.PURCHASES, pa.int64(), nullable=False),  # days with at least one amount >= 0
        pa.field(c.VALUE, pa.float64(), nullable=False),  # reporting currency, net of returns
        pa.field(GROSS_VALUE, pa.float64(), nullable=False),  # amounts >= 0
        pa.field(HAS_POSITIVE, pa.bool_(), nullable=False),  # any amount > 0
    ]
)
"""One row a customer with any event in the window."""


def window(
    events: pa.Table | pa.RecordBatchReader, after: date | None, through: date, zone: str
) -> pa.RecordBatchReader:
    """`WINDOW` rows of every customer with an event in (after, through], ordered by customer_id.

    Args:
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream.
        after: last day before the window; None takes all days up to `through`.
        through: last day of the window.
        zone: IANA name of the business zone, which decides what a day is.

    Raises:
        InvalidInput: `zone` is not an IANA time zone.
    """
    zone_of(zone)
    days = {AS_OF: through} if after is None else {AS_OF: through, AFTER: after}
    return run(Query(_expression, (zone, after is not None), days), events, WINDOW)


def _expression(zone: str, bounded: bool) -> Any:
    import ibis

    inside = events_by_day(zone)
    if bounded:
        inside = inside.filter(inside.day > day(AFTER))
    bought = inside[c.AMOUNT] >= 0
    rows = inside.group_by(c.CUSTOMER_ID).aggregate(
        **{
            c.PURCHASES: inside.day.nunique(where=bought),
            c.VALUE: units(inside.steps.sum()),
            GROSS_VALUE: units(ibis.coalesce(inside.steps.sum(where=bought), 0)),
            HAS_POSITIVE: (inside[c.AMOUNT] > 0).any(),
        }
    )
    return rows.order_by(c.CUSTOMER_ID)
