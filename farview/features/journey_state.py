"""What is known of a customer at a touch besides who and which channel: recency, depth, fatigue, season.

One function computes it for logs, for one customer's history and for touches that are only planned, so that training
and planning see the same numbers.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core.clock import zone as zone_of
from farview.features.specification import Feature

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_SLOT_US = HOUR_US // 4  # offsets from UTC change at whole quarters of an hour
_YEAR_DAYS = 365.2425
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SEEN = "the customer's touches seen so far"
_NEVER_NULL = "never null"
_FIRST = "0 at the first touch, which first_touch marks"

STATE_FEATURES: tuple[Feature, ...] = (
    Feature("first_touch", "1 at the first touch seen, else 0", _SEEN, "flag", _NEVER_NULL),
    Feature("log_index", "ln of the touch's number k, conversions not counted", _SEEN, "ln count", _NEVER_NULL),
    Feature("log_index_squared", "(ln k)^2: interest may grow, then tire", _SEEN, "(ln count)^2", _NEVER_NULL),
    Feature("log_hours_since_previous", "ln(1 + time since the touch before)", _SEEN, "ln hours", _FIRST),
    Feature("log_hours_since_first", "ln(1 + time since the first touch)", _SEEN, "ln hours", _NEVER_NULL),
    Feature("log_touches_last_day", "ln(1 + earlier touches)", "24 h up to the touch", "ln count", _NEVER_NULL),
    Feature("log_touches_last_week", "ln(1 + earlier touches)", "7 days up to the touch", "ln count", _NEVER_NULL),
    Feature("log_conversions_before", "ln(1 + conversions before the touch)", "whole history", "ln count", _NEVER_NULL),
    Feature("converted_since_previous", "1 if a conversion lies after the touch before", _SEEN, "flag", _NEVER_NULL),
    Feature("history_cut", "1 if the log may have missed earlier touches", "the log's start", "flag", _NEVER_NULL),
    Feature("day_sin", "sine of the local time of day", "the touch", "-1 to 1", _NEVER_NULL),
    Feature("day_cos", "cosine of the local time of day", "the touch", "-1 to 1", _NEVER_NULL),
    Feature("week_sin", "sine of the local time of the week", "the touch", "-1 to 1", _NEVER_NULL),
    Feature("week_cos", "cosine of the local time of the week", "the touch", "-1 to 1", _NEVER_NULL),
    Feature("year_sin", "sine of the local time of the year", "the touch", "-1 to 1", _NEVER_NULL),
    Feature("year_cos", "cosine of the local time of the year", "the touch", "-1 to 1", _NEVER_NULL),
)
STATE_COLUMNS = tuple(feature.name for feature in STATE_FEATURES)
YEARLY_COLUMNS = ("year_sin", "year_cos")
"""Season of the year: meaningless in a log of less than a year, where it only says how late it is."""


def state_matrix(
    time_us: IntArray, offsets: IntArray, conversions_before: IntArray, history_cut: BoolArray, zone: str
) -> Float32Array:
    """STATE_FEATURES of every touch.

    Args:
        time_us: microseconds since 1970 (UTC), shape (touches,), ascending within a customer.
        offsets: customer i has the touches offsets[i] to offsets[i + 1]; shape (customers + 1,).
        conversions_before: the customer's conversions before the touch, shape (touches,).
        history_cut: the log may have missed earlier touches, shape (customers,).
        zone: IANA zone in which day, week and year are read.

    Returns:
        Shape (touches, len(STATE_COLUMNS)).

    Raises:
        InvalidInput: `zone` is not an IANA time zone.
    """
    state = np.empty((len(time_us), len(STATE_COLUMNS)), np.float32)
    _history(time_us, offsets, conversions_before, history_cut, state)
    local_us = local_time_us(time_us, zone)
    # The week begins on Monday; 1970-01-01 was a Thursday.
    for column, period_us in ((10, DAY_US), (12, 7 * DAY_US), (14, round(_YEAR_DAYS * DAY_US))):
        start = local_us + 3 * DAY_US if period_us == 7 * DAY_US else local_us
        angle = (start % period_us) * (2 * np.pi / period_us)
        state[:, column] = np.sin(angle)
        state[:, column + 1] = np.cos(angle)
    return state


def local_time_us(time_us: IntArray, zone: str) -> IntArray:
    """Wall-clock time in the zone as microseconds since 1970-01-01 00:00 of the zone, shape of `time_us`."""
    tz = zone_of(zone)
    slots, where = np.unique(time_us // _SLOT_US, return_inverse=True)
    starts = [(_EPOCH + timedelta(microseconds=int(slot) * _SLOT_US)).astimezone(tz) for slot in slots]
    shifts = [(start.utcoffset() or timedelta()) // timedelta(microseconds=1) for start in starts]
    return time_us + np.array(shifts, dtype=np.int64)[where]


@njit(cache=True, nogil=True)
def _history(
    time_us: IntArray, offsets: IntArray, conversions_before: IntArray, history_cut: BoolArray, state: Float32Array
) -> None:
    """Columns 0 to 9 of the state, one pass with two sliding windows."""
    for customer in range(len(offsets) - 1):
        first = offsets[customer]
        day = week = first
        for k in range(first, offsets[customer + 1]):
            now = time_us[k]
            while time_us[day] < now - DAY_US:
                day += 1
            while time_us[week] < now - 7 * DAY_US:
                week += 1
            previous = max(k - 1, first)
            state[k, 0] = k == first
            state[k, 1] = np.log(k - first + 1)
            state[k, 2] = state[k, 1] ** 2
            state[k, 3] = np.log1p((now - time_us[previous]) / HOUR_US)
            state[k, 4] = np.log1p((now - time_us[first]) / HOUR_US)
            state[k, 5] = np.log1p(float(k - day))
            state[k, 6] = np.log1p(float(k - week))
            state[k, 7] = np.log1p(float(conversions_before[k]))
            # At the first touch seen, the touch before is the log's start.
            before = conversions_before[previous] if k > first else 0
            state[k, 8] = conversions_before[k] > before
            state[k, 9] = history_cut[customer]
