"""The executor of the customer features for one request: plain Python over one history, exact integers throughout."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import columns as c
from farview.features.customer_counts import COUNTS, STEPS
from farview.features.customer_specification import MONTHS, WEEKDAYS, WINDOWS_DAYS
from farview.features.single import whole_steps


def counts_of_one(
    customer_id: str, days: NDArray[np.int64], amounts: NDArray[np.float64], as_of: date
) -> pa.RecordBatch:
    """`customer_counts.COUNTS` of one customer: a row, or none without a purchase day by `as_of`.

    Args:
        customer_id: written into the row.
        days: proleptic ordinal of each event's business day, shape (events,), any order.
        amounts: shape (events,), reporting currency, returns negative.
        as_of: later days are not seen.
    """
    seen = days <= as_of.toordinal()
    buys = seen & (amounts >= 0)
    if not buys.any():
        return pa.RecordBatch.from_pylist([], schema=COUNTS)
    bought = _by_day(days[buys], amounts[buys])
    returned = _by_day(days[seen & ~buys], -amounts[seen & ~buys])
    found: dict[str, Any] = {c.CUSTOMER_ID: customer_id}
    found |= _history(bought, returned) | _windows(bought, returned, as_of) | _season(list(bought))
    columns = [
        pa.array([Decimal(found[field.name]) if field.type == STEPS else found[field.name]], field.type)
        for field in COUNTS
    ]
    return pa.RecordBatch.from_arrays(columns, schema=COUNTS)


def _by_day(days: NDArray[np.int64], amounts: NDArray[np.float64]) -> dict[int, int]:
    """Steps of each day, days ascending."""
    steps: dict[int, int] = {}
    for day, step in zip(days.tolist(), whole_steps(amounts), strict=True):
        steps[day] = steps.get(day, 0) + step
    return dict(sorted(steps.items()))


def _history(bought: dict[int, int], returned: dict[int, int]) -> dict[str, Any]:
    days, steps = list(bought), list(bought.values())
    gaps = [later - earlier for earlier, later in pairwise(days)]
    return {
        "first_day": date.fromordinal(days[0]),
        "last_day": date.fromordinal(days[-1]),
        "purchase_days": len(days),
        "return_days": len(returned),
        "gap_squares": sum(gap * gap for gap in gaps),
        "gap_longest": max(gaps, default=None),
        "gap_last": gaps[-1] if gaps else None,
        "steps": sum(steps),
        "steps_returned": sum(returned.values()),
        "steps_repeat": sum(steps[1:]),
        "steps_first": steps[0],
        "steps_last": steps[-1],
        "steps_biggest": max(steps),
        "steps_median": sorted(steps)[(len(steps) - 1) // 2],
    }


def _windows(bought: dict[int, int], returned: dict[int, int], as_of: date) -> dict[str, Any]:
    found: dict[str, Any] = {}
    days, sums = list(bought), _sums(bought)
    days_returned, sums_returned = list(returned), _sums(returned)
    for length in WINDOWS_DAYS:
        before = as_of.toordinal() - length
        outside = bisect_right(days, before)
        found[f"purchases_{length}d"] = len(days) - outside
        found[f"steps_{length}d"] = sums[-1] - sums[outside]
        found[f"steps_returned_{length}d"] = sums_returned[-1] - sums_returned[bisect_right(days_returned, before)]
    return found


def _sums(by_day: dict[int, int]) -> Sequence[int]:
    """Steps before each day and after the last, one more than days."""
    return list(accumulate(by_day.values(), initial=0))


def _season(days: Sequence[int]) -> dict[str, Any]:
    months = [date.fromordinal(day).month for day in days]
    weekdays = [(day - 1) % 7 + 1 for day in days]  # ordinal 1 is a Monday
    by_month = {f"month_{number}": months.count(number) for number in MONTHS}
    return by_month | {f"weekday_{number}": weekdays.count(number) for number in WEEKDAYS}
