"""Gaps between a customer's purchase days, the last one still open: what models of the next purchase learn from."""

from typing import Any

import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.features.bulk import AS_OF, Query, day, events_by_day, run, units
from farview.features.specification import Feature

_BEGIN = "up to the purchase day that begins the gap"
_NEVER_NULL = "never null"

GAP_FEATURES: tuple[Feature, ...] = (
    Feature("number", "1 for the gap after the first purchase day, 2 after the second", _BEGIN, "count", _NEVER_NULL),
    Feature("previous_gap_days", "length of the gap before", _BEGIN, "days", "null for the first gap"),
    Feature("amount", "amounts >= 0 of the day that begins the gap", _BEGIN, "reporting currency", _NEVER_NULL),
)
"""What is known when a gap begins; `gap_days` and `ended` are what is to be learnt."""

GAPS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("gap_days", pa.int64(), nullable=False),  # to the next purchase day, or to the as-of day
        pa.field("ended", pa.bool_(), nullable=False),  # false: the customer's last gap, still open
        pa.field("previous_gap_days", pa.int64()),
        pa.field("amount", pa.float64(), nullable=False),
    ]
)
"""One row a purchase day."""


def purchase_gaps(events: pa.Table | pa.RecordBatchReader, cut: Cut, zone: str) -> pa.RecordBatchReader:
    """`GAPS` of every customer with a purchase day on or before the as-of day, ordered by customer_id and number.

    Args:
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone.

    Raises:
        InvalidInput: `zone` is not an IANA time zone.
    """
    zone_of(zone)
    return run(Query(_expression, (zone,), {AS_OF: cut.as_of}), events, GAPS)


def _expression(zone: str) -> Any:
    import ibis

    bought = events_by_day(zone).filter(lambda t: t[c.AMOUNT] >= 0)
    days = bought.group_by(c.CUSTOMER_ID, "day").aggregate(steps=bought.steps.sum())
    own = ibis.window(group_by=c.CUSTOMER_ID, order_by=days.day)
    following = days.day.lead().over(own)
    rows = days.select(
        days[c.CUSTOMER_ID],
        number=(ibis.row_number().over(own) + 1).cast("int64"),
        gap_days=ibis.coalesce(following, day(AS_OF)).delta(days.day, unit="day").cast("int64"),
        ended=following.notnull(),
        previous_gap_days=days.day.delta(days.day.lag().over(own), unit="day").cast("int64"),
        amount=units(days.steps),
    )
    return rows.order_by(c.CUSTOMER_ID, "number")
