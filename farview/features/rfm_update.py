"""RFM rows carried on by what came since, without the events before: each new purchase day costs the same.

A row knows its first and its last purchase day, how many days lie after the first, and what was spent on them. That is
enough for a day after the last one, on it, on the first, or before it. Whether a day between the two is a purchase day
already only the log can tell; such customers are named and counted anew (`rfm.rfm`), as are those whose sums are too
large to come exactly out of a row again.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core import schemas
from farview.features.bulk import AS_OF, STEPS_PER_UNIT, Query, events_by_day, run

EPOCH = date(1970, 1, 1)
LARGEST_STEPS = 2.0**50  # a sum of steps below it comes exactly out of a row's mean and number

DAY, STEPS = "day", "steps"
PURCHASE_DAYS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(DAY, pa.date32(), nullable=False),
        pa.field(STEPS, pa.float64(), nullable=False),  # whole steps of 1e-8 currency units
    ]
)
"""What a customer spent on a purchase day, a row each."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CarriedOn:
    """RFM rows of a later day."""

    rows: pa.Table  # schemas.RFM, ordered by customer_id, without those named below
    anew: list[str]  # customers whose rows the log alone can tell


def purchase_days(news: pa.Table | pa.RecordBatchReader, as_of: date, zone: str) -> pa.Table:
    """`PURCHASE_DAYS` of events up to a day.

    Args:
        news: `schemas.EVENTS`, any order.
        as_of: days after it (business zone) are not seen.
        zone: IANA name of the business zone.
    """
    return run(Query(_expression, (zone,), {AS_OF: as_of}), news, PURCHASE_DAYS).read_all()


def _expression(zone: str) -> Any:
    bought = events_by_day(zone).filter(lambda t: t[c.AMOUNT] >= 0)
    by_day = bought.group_by(c.CUSTOMER_ID, DAY).aggregate(**{STEPS: bought.steps.sum().cast("float64")})
    return by_day.order_by(c.CUSTOMER_ID, DAY)


def carry_on(seen: pa.Table, days: pa.Table, as_of: date) -> CarriedOn:
    """RFM rows as they are once purchase days have come in.

    Args:
        seen: `schemas.RFM` of an earlier day, ordered by customer_id.
        days: `PURCHASE_DAYS` of what `seen` has not seen, no customer's day twice.
        as_of: the day that ages are counted to.
    """
    ids = pa.chunked_array([*seen.column(c.CUSTOMER_ID).chunks, *days.column(c.CUSTOMER_ID).chunks], pa.string())
    ids = pc.unique(ids).sort()
    state = _State.of(seen, ids)
    who = pc.index_in(days.column(c.CUSTOMER_ID).combine_chunks(), value_set=ids).to_numpy()
    day = days.column(DAY).cast(pa.int32()).to_numpy().astype(np.int64)
    lost = state.add(who, day, days.column(STEPS).to_numpy())
    kept = pa.array(~lost)
    return CarriedOn(state.rows(ids, as_of).filter(kept), ids.filter(pa.array(lost)).to_pylist())


@dataclass(slots=True, eq=False)
class _State:
    """Of each customer, all shape (customers,); days since 1970, `first` and `last` out of reach before a purchase."""

    first: IntArray
    last: IntArray
    frequency: IntArray
    repeat_steps: NDArray[np.float64]
    first_steps: NDArray[np.float64]

    @classmethod
    def of(cls, seen: pa.Table, ids: pa.Array) -> "_State":
        """The state of rows, empty for customers without one."""
        size, at = len(ids), pc.index_in(seen.column(c.CUSTOMER_ID).combine_chunks(), value_set=ids).to_numpy()
        told = {name: seen.column(name).to_numpy() for name in (c.FREQUENCY, c.RECENCY_DAYS, c.REPEAT_SPEND_MEAN)}
        first_day = seen.column(c.FIRST_PURCHASE_DATE).cast(pa.int32()).to_numpy().astype(np.int64)
        far = np.iinfo(np.int64).max // 4
        empty = cls(np.full(size, far), np.full(size, -far), np.full(size, -1), np.zeros(size), np.zeros(size))
        empty.first[at], empty.last[at] = first_day, first_day + told[c.RECENCY_DAYS].astype(np.int64)
        empty.frequency[at] = told[c.FREQUENCY]
        empty.repeat_steps[at] = np.round(told[c.REPEAT_SPEND_MEAN] * told[c.FREQUENCY] * STEPS_PER_UNIT)
        empty.first_steps[at] = np.round(seen.column(c.FIRST_SPEND).to_numpy() * STEPS_PER_UNIT)
        return empty

    def add(self, who: IntArray, day: IntArray, steps: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Adds purchase days; whose state no longer tells the truth, shape (customers,)."""
        first, last = self.first[who], self.last[who]
        lost = np.zeros(len(self.first), dtype=np.bool_)
        lost[who[((day > first) & (day < last)) | (steps >= LARGEST_STEPS)]] = True
        on_first, on_last = day == first, (day == last) & (day > first)
        np.add.at(self.first_steps, who[on_first], steps[on_first])
        np.add.at(self.repeat_steps, who[on_last], steps[on_last])
        new = ~on_first & ~on_last
        earliest = self.first.copy()
        np.minimum.at(earliest, who[new], day[new])
        np.maximum.at(self.last, who[new], day[new])
        np.add.at(self.frequency, who[new], 1)
        np.add.at(self.repeat_steps, who[new], steps[new])
        # Where a new day is the first one, what was the first is a repeat, and the new day's steps are of no repeat.
        moved = earliest < self.first
        self.repeat_steps[moved] += self.first_steps[moved]
        self.first_steps[moved] = 0.0
        is_first = new & (day == earliest[who]) & moved[who]
        np.add.at(self.repeat_steps, who[is_first], -steps[is_first])
        np.add.at(self.first_steps, who[is_first], steps[is_first])
        self.first = earliest
        self.last = np.maximum(self.last, self.first)
        return lost | (np.abs(self.repeat_steps) >= LARGEST_STEPS) | (np.abs(self.first_steps) >= LARGEST_STEPS)

    def rows(self, ids: pa.Array, as_of: date) -> pa.Table:
        """schemas.RFM; of no meaning where the state tells no truth."""
        first = pa.array(self.first.astype(np.int32)).cast(pa.date32())
        repeats = np.maximum(self.frequency, 1)
        spent = np.where(self.frequency > 0, self.repeat_steps / STEPS_PER_UNIT / repeats, 0.0)
        values: dict[str, Any] = {
            c.CUSTOMER_ID: ids,
            c.COHORT: pc.strftime(first, format="%Y-%m"),
            c.FIRST_PURCHASE_DATE: first,
            c.FREQUENCY: pa.array(self.frequency.astype(np.int32)),
            c.RECENCY_DAYS: pa.array((self.last - self.first).astype(np.float64)),
            c.AGE_DAYS: pa.array(((as_of - EPOCH).days - self.first).astype(np.float64)),
            c.REPEAT_SPEND_MEAN: pa.array(spent),
            c.FIRST_SPEND: pa.array(self.first_steps / STEPS_PER_UNIT),
        }
        return pa.table([values[name] for name in schemas.RFM.names], schema=schemas.RFM)
