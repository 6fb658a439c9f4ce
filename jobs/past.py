"""What was known of customers at the end of a day, and what they did after it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.evaluation.arrays import FloatArray
from farview.features.rfm import rfm
from farview.features.through import through
from farview.features.window import GROSS_VALUE, HAS_POSITIVE, window


@dataclass(frozen=True, slots=True)
class Past:
    """All that a model may see. Nothing in it lies after `as_of`."""

    as_of: date
    zone: str
    rfm: pa.Table  # schemas.RFM of the population, ordered by customer_id
    history: pa.Table  # window.WINDOW of the same customers, same order, all days up to as_of
    events: pa.Table  # schemas.EVENTS of everybody

    @property
    def cut(self) -> Cut:
        """What the features of its customers stop at; whatever is in `events` was known."""
        return Cut(self.as_of, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Actuals:
    """What the customers of a past did in a window after it, each shape (customers,)."""

    purchases: FloatArray  # days with at least one amount >= 0
    value: FloatArray  # net of returns dated inside the window
    gross_value: FloatArray


def past_of(events: pa.Table, as_of: date, zone: str) -> Past:
    """What models may see at the end of a day, of every customer with an amount above 0 by then."""
    known = through(events, as_of, zone)
    history = window(known, None, as_of, zone).read_all()
    history = history.filter(history.column(HAS_POSITIVE)).combine_chunks()
    rows = rfm(known, Cut(as_of, datetime.now(UTC)), zone).read_all()
    member = pc.is_in(rows.column(c.CUSTOMER_ID), value_set=history.column(c.CUSTOMER_ID).combine_chunks())
    return Past(as_of, zone, rows.filter(member).combine_chunks(), history, known)


def first_paid_day(events: pa.Table, zone: str) -> date | None:
    """The day of the first amount above 0: before it there is nobody to forecast. None where there is none."""
    instant = pc.min(events.filter(pc.greater(events.column(c.AMOUNT), 0.0)).column(c.TIME)).as_py()
    return None if instant is None else instant.astimezone(zone_of(zone)).date()


def actuals_of(events: pa.Table, past: Past, last_day: date) -> Actuals:
    """What the past's customers did after it, up to and including a day; zeros for those who did nothing."""
    rows = window(events, past.as_of, last_day, past.zone).read_all()
    place = pc.index_in(past.rfm.column(c.CUSTOMER_ID), value_set=rows.column(c.CUSTOMER_ID).combine_chunks())
    purchases, value, gross = (
        pc.fill_null(rows.column(name).cast(pa.float64()).take(place), 0.0).to_numpy()
        for name in (c.PURCHASES, c.VALUE, GROSS_VALUE)
    )
    return Actuals(purchases, value, gross)
