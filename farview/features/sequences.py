"""Histories as sequences, for models that read a customer's events in order."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.features.bulk import AS_OF, Query, events_by_day, run, units
from farview.features.specification import Feature

PADDING, PURCHASE, RETURN = 0, 1, 2

_KEPT = "the last events up to the as-of day, at most the length asked for"
SEQUENCE_FEATURES: tuple[Feature, ...] = (
    Feature("events", "events of the whole history, those not kept included", "whole history", "count", "never null"),
    Feature("since_last_days", "last event to the as-of day", _KEPT, "days", "never null"),
    Feature(
        "days_since_previous",
        "days since the event before, also where that one is not kept; 0 for the first event of all",
        _KEPT,
        "days",
        "0 as padding",
    ),
    Feature("amount", "sum of the day's amounts of the kind, sign kept", _KEPT, "reporting currency", "0 as padding"),
    Feature(
        "kind", f"{PURCHASE}: amounts >= 0 of a day; {RETURN}: amounts < 0 of a day", _KEPT, "code", "0 as padding"
    ),
)
"""An event is a business day's amounts of one kind; a day's purchase stands before its return."""

LISTS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.FIRST_PURCHASE_DATE, pa.date32(), nullable=False),
        pa.field("events", pa.int64(), nullable=False),
        pa.field("last_day", pa.date32(), nullable=False),
        pa.field("days_since_previous", pa.list_(pa.float32()), nullable=False),
        pa.field("amount", pa.list_(pa.float64()), nullable=False),
        pa.field("kind", pa.list_(pa.int8()), nullable=False),
    ]
)
"""Before padding."""

_PADDED = ("days_since_previous", "amount", "kind")


def event_sequences(
    events: pa.Table | pa.RecordBatchReader,
    cut: Cut,
    zone: str,
    longest: int,
    *,
    batch_rows: int = 16_384,
    memory: str = "1GB",
) -> pa.RecordBatchReader:
    """The last events of every customer with a purchase day on or before the as-of day, oldest first.

    Args:
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone.
        longest: events kept of a customer, the last ones; at least 1.
        batch_rows: most rows of a batch that comes out.
        memory: most memory the query takes before it spills to a temporary folder.

    Returns:
        Ordered by customer_id and streamed: customer_id; cohort and first_purchase_date, as in `schemas.RFM`;
        `length`, the events kept; and SEQUENCE_FEATURES, of which
        days_since_previous (float32), amount (float64) and kind (int8) are lists of `longest` entries, padded with 0
        after `length`.

    Raises:
        InvalidInput: `zone` is not an IANA time zone, or `longest` is below 1.
    """
    zone_of(zone)
    if longest < 1:
        raise InvalidInput.of("longest", f"{longest} events cannot be kept (ask for at least 1)")
    schema = sequence_schema(longest)
    query = Query(_expression, (zone, longest), {AS_OF: cut.as_of})
    lists = run(query, events, LISTS, batch_rows=batch_rows, memory=memory)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in lists:
            yield padded(batch, cut.as_of, schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def sequence_schema(longest: int) -> pa.Schema:
    """Of the rows of `event_sequences`."""
    return pa.schema(
        [
            pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
            pa.field(c.COHORT, pa.string(), nullable=False),
            pa.field(c.FIRST_PURCHASE_DATE, pa.date32(), nullable=False),
            pa.field("length", pa.int32(), nullable=False),
            pa.field("events", pa.int64(), nullable=False),
            pa.field("since_last_days", pa.float32(), nullable=False),
            *(pa.field(name, pa.list_(LISTS.field(name).type.value_type, longest), nullable=False) for name in _PADDED),
        ]
    )


def _expression(zone: str, longest: int) -> Any:
    import ibis

    events = events_by_day(zone)
    kinds = ibis.ifelse(events[c.AMOUNT] >= 0, PURCHASE, RETURN)
    by_day = events.mutate(kind=kinds).group_by(c.CUSTOMER_ID, "day", "kind").aggregate(steps=events.steps.sum())
    order = [by_day.day, by_day.kind]
    own = ibis.window(group_by=c.CUSTOMER_ID, order_by=order)
    whole = ibis.window(group_by=c.CUSTOMER_ID)
    placed = by_day.mutate(
        gap=ibis.coalesce(by_day.day.delta(by_day.day.lag().over(own), unit="day"), 0),
        from_end=ibis.row_number().over(ibis.window(group_by=c.CUSTOMER_ID, order_by=[k.desc() for k in order])),
        events=by_day.count().over(whole),
        first_bought=ibis.ifelse(by_day.kind == PURCHASE, by_day.day, ibis.null("date")).min().over(whole),
    )
    kept = placed.filter(placed.first_bought.notnull() & (placed.from_end < longest))
    rows = kept.group_by(c.CUSTOMER_ID).aggregate(
        first_purchase_date=kept.first_bought.min(),
        events=kept.events.max(),
        last_day=kept.day.max(),
        days_since_previous=kept.gap.cast("float32").collect(order_by=[kept.day, kept.kind]),
        amount=units(kept.steps).collect(order_by=[kept.day, kept.kind]),
        kind=kept.kind.cast("int8").collect(order_by=[kept.day, kept.kind]),
    )
    return rows.order_by(c.CUSTOMER_ID)


def padded(lists: pa.RecordBatch, as_of: date, schema: pa.Schema) -> pa.RecordBatch:
    """Rows of LISTS with lists of one length, the events first: rows of `sequence_schema`."""
    longest = schema.field("kind").type.list_size
    lengths = pc.list_value_length(lists.column("kind")).to_numpy()
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    columns = []
    for name in _PADDED:
        figures = lists.column(name).flatten().to_numpy()
        filled = np.zeros((len(lengths), longest), figures.dtype)
        filled[row, place] = figures
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(filled.ravel()), longest))
    since = pc.subtract(pa.scalar(as_of).cast(pa.int32()), lists.column("last_day").cast(pa.int32()))
    first = lists.column(c.FIRST_PURCHASE_DATE)
    who = [lists.column(c.CUSTOMER_ID), pc.strftime(first, "%Y-%m"), first]
    arrays = [*who, pa.array(lengths, pa.int32()), lists.column("events"), since.cast(pa.float32()), *columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
