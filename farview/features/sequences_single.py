"""The executor of event sequences for one request: plain Python over one history, exact sums."""

from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.bulk import STEPS_PER_UNIT
from farview.features.sequences import LISTS, PURCHASE, RETURN, padded, sequence_schema
from farview.features.single import local_ordinals, whole_steps


def event_sequence_of_one(
    customer_id: str, times_utc: NDArray[np.datetime64], amounts: NDArray[np.float64], cut: Cut, zone: str, longest: int
) -> pa.RecordBatch:
    """A row of `event_sequences`, or none where no purchase day is on or before the as-of day.

    Args:
        customer_id: written into the row.
        times_utc: shape (events,), UTC instants, any order.
        amounts: shape (events,), reporting currency, returns negative.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone.
        longest: events kept, the last ones.

    Raises:
        InvalidInput: `zone` is not an IANA time zone, or the arrays differ in length.
    """
    if len(times_utc) != len(amounts):
        raise InvalidInput.of("amounts", f"{len(amounts)} amounts for {len(times_utc)} times (send one each)")
    events = _by_day(local_ordinals(times_utc, zone), np.asarray(amounts, np.float64), cut.as_of)
    bought = [day for day, kind in events if kind == PURCHASE]
    schema = sequence_schema(longest)
    if not bought:
        return pa.RecordBatch.from_pylist([], schema=schema)
    days = [day for day, _ in events]
    gaps = [day - before for day, before in zip(days, [days[0], *days], strict=False)]
    row = {
        c.CUSTOMER_ID: customer_id,
        c.FIRST_PURCHASE_DATE: date.fromordinal(bought[0]),
        "events": len(events),
        "last_day": date.fromordinal(days[-1]),
        "days_since_previous": gaps[-longest:],
        "amount": [steps / STEPS_PER_UNIT for steps in list(events.values())[-longest:]],
        "kind": [kind for _, kind in events][-longest:],
    }
    return padded(pa.RecordBatch.from_pylist([row], schema=LISTS), cut.as_of, schema)


def _by_day(days: NDArray[np.int64], amounts: NDArray[np.float64], as_of: date) -> dict[tuple[int, int], int]:
    """Steps by day and kind, in order; a return's are negative."""
    sums: dict[tuple[int, int], int] = {}
    kinds = np.where(amounts >= 0, PURCHASE, RETURN)
    steps = [
        step if kind == PURCHASE else -step for step, kind in zip(whole_steps(np.abs(amounts)), kinds, strict=True)
    ]
    for day, kind, step in zip(days.tolist(), kinds.tolist(), steps, strict=True):
        if day <= as_of.toordinal():
            sums[day, kind] = sums.get((day, kind), 0) + step
    return dict(sorted(sums.items()))
