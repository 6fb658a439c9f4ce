"""What customers did in a window of days: the target of a forecast, or its plain past."""

from datetime import date

import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import zone as zone_of
from farview.features.bulk import events_by_day, run, units

GROSS_VALUE = "gross_value"
HAS_POSITIVE = "has_positive"

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
    import ibis

    zone_of(zone)
    inside = events_by_day(zone, through)
    if after is not None:
        inside = inside.filter(inside.day > ibis.literal(after))
    bought = inside[c.AMOUNT] >= 0
    rows = inside.group_by(c.CUSTOMER_ID).aggregate(
        **{
            c.PURCHASES: inside.day.nunique(where=bought),
            c.VALUE: units(inside.steps.sum()),
            GROSS_VALUE: units(ibis.coalesce(inside.steps.sum(where=bought), 0)),
            HAS_POSITIVE: (inside[c.AMOUNT] > 0).any(),
        }
    )
    return run(rows.order_by(c.CUSTOMER_ID), events, WINDOW)
