"""From exact counts to features: the one place where a customer's figures become floating-point numbers.

Both executors end here, so their features are equal to the last bit when their counts are equal.
"""

import math
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import columns as c
from farview.features.bulk import STEPS_PER_UNIT
from farview.features.customer_specification import (
    CUSTOMER_COLUMNS,
    MOMENTUM_DAYS,
    MONTHS,
    WEEKDAYS,
    WINDOWS_DAYS,
    YEAR_DAYS,
)

FloatArray = NDArray[np.float64]

_EPOCH = date(1970, 1, 1)
_ANGLES = [2 * math.pi * day / YEAR_DAYS for day in range(366)]
# Looked up rather than computed array by array, where a vectorised sine may round unlike a scalar one.
_YEAR_SIN = np.array([math.sin(angle) for angle in _ANGLES])
_YEAR_COS = np.array([math.cos(angle) for angle in _ANGLES])


def feature_columns(counts: pa.RecordBatch, as_of: date) -> FloatArray:
    """CUSTOMER_FEATURES of every customer.

    Args:
        counts: `customer_counts.COUNTS`.
        as_of: the day up to which events were counted.

    Returns:
        Shape (rows, len(CUSTOMER_COLUMNS)), NaN where the specification says null.
    """
    found = _history(counts, as_of) | _windows(counts)
    found |= _momentum(counts, found[c.AGE_DAYS]) | _intervals(counts, found) | _season(counts, as_of)
    return np.column_stack([found[name] for name in CUSTOMER_COLUMNS])


def _history(counts: pa.RecordBatch, as_of: date) -> dict[str, FloatArray]:
    first, last, today = _days(counts, "first_day"), _days(counts, "last_day"), (as_of - _EPOCH).days
    frequency = _count(counts, "purchase_days") - 1
    spend, returned = _units(counts, "steps"), _units(counts, "steps_returned")
    return {
        c.FREQUENCY: frequency,
        c.RECENCY_DAYS: (last - first).astype(np.float64),
        c.AGE_DAYS: (today - first).astype(np.float64),
        c.REPEAT_SPEND_MEAN: np.nan_to_num(_over(_units(counts, "steps_repeat"), frequency)),
        "since_last_days": (today - last).astype(np.float64),
        "spend": spend,
        "returned": returned,
        "returned_share": _over(returned, spend),
        "return_days": _count(counts, "return_days"),
        **{f"amount_{which}": _units(counts, f"steps_{which}") for which in ("first", "last", "biggest", "median")},
    }


def _windows(counts: pa.RecordBatch) -> dict[str, FloatArray]:
    found = {}
    for days in WINDOWS_DAYS:
        found[f"purchases_{days}d"] = _count(counts, f"purchases_{days}d")
        found[f"spend_{days}d"] = _units(counts, f"steps_{days}d")
        found[f"returned_{days}d"] = _units(counts, f"steps_returned_{days}d")
    return found


def _momentum(counts: pa.RecordBatch, age_days: FloatArray) -> dict[str, FloatArray]:
    """What the window did more than the one before: twice the window less the two together, in whole steps."""
    found = {}
    for days in MOMENTUM_DAYS:
        purchases = 2 * _count(counts, f"purchases_{days}d") - _count(counts, f"purchases_{2 * days}d")
        steps = 2 * _steps(counts, f"steps_{days}d") - _steps(counts, f"steps_{2 * days}d")
        had_both = age_days >= days
        found[f"purchases_momentum_{days}d"] = np.where(had_both, purchases, np.nan)
        found[f"spend_momentum_{days}d"] = np.where(had_both, steps / STEPS_PER_UNIT, np.nan)
    return found


def _intervals(counts: pa.RecordBatch, found: dict[str, FloatArray]) -> dict[str, FloatArray]:
    gaps, total = found[c.FREQUENCY], found[c.RECENCY_DAYS]
    mean = _over(total, gaps)
    # n sum(gap^2) - sum(gap)^2 in whole numbers: exact, so never negative by rounding.
    spread = gaps * _count(counts, "gap_squares") - total * total
    return {
        "interval_mean_days": mean,
        "interval_sd_days": np.sqrt(_over(spread, gaps * (gaps - 1))),
        "interval_longest_days": _count(counts, "gap_longest"),
        "interval_last_days": _count(counts, "gap_last"),
        "since_last_over_interval_mean": _over(found["since_last_days"], mean),
    }


def _season(counts: pa.RecordBatch, as_of: date) -> dict[str, FloatArray]:
    purchase_days = _count(counts, "purchase_days")
    by_month = {month: _count(counts, f"month_{month}") for month in MONTHS}
    first = _days(counts, "first_day").astype("datetime64[D]")
    first_in_year = (first - first.astype("datetime64[Y]")).astype(np.int64)
    today_in_year = np.full(len(first), as_of.timetuple().tm_yday - 1)
    return {
        **{f"share_month_{month:02d}": by_month[month] / purchase_days for month in MONTHS},
        **{
            f"share_quarter_{quarter}": sum(by_month[3 * quarter - k] for k in range(3)) / purchase_days
            for quarter in (1, 2, 3, 4)
        },
        **{f"share_weekday_{day}": _count(counts, f"weekday_{day}") / purchase_days for day in WEEKDAYS},
        "as_of_year_sin": _YEAR_SIN[today_in_year],
        "as_of_year_cos": _YEAR_COS[today_in_year],
        "first_year_sin": _YEAR_SIN[first_in_year],
        "first_year_cos": _YEAR_COS[first_in_year],
        # 1970-01-01 was a Thursday.
        "first_weekday": ((first.astype(np.int64) + 3) % 7 + 1).astype(np.float64),
        "first_month": (first.astype("datetime64[M]").astype(np.int64) % 12 + 1).astype(np.float64),
    }


def _days(counts: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    """Days since 1970, shape (rows,)."""
    return counts.column(name).cast(pa.int32()).to_numpy().astype(np.int64)


def _count(counts: pa.RecordBatch, name: str) -> FloatArray:
    """Shape (rows,), NaN where null."""
    return counts.column(name).to_numpy(zero_copy_only=False).astype(np.float64)


def _units(counts: pa.RecordBatch, name: str) -> FloatArray:
    """Currency units, shape (rows,)."""
    return _steps(counts, name) / STEPS_PER_UNIT


def _steps(counts: pa.RecordBatch, name: str) -> FloatArray:
    """Whole steps of 1e-8 currency units, shape (rows,)."""
    steps = counts.column(name)
    # A decimal128 is two 64-bit words, the low one first and without a sign.
    words = np.frombuffer(steps.buffers()[1], np.int64).reshape(-1, 2)[steps.offset : steps.offset + len(steps)]
    return words[:, 0].astype(np.uint64).astype(np.float64) + words[:, 1] * 2.0**64


def _over(above: FloatArray, below: FloatArray) -> FloatArray:
    """The ratio, NaN where the divisor is 0."""
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
