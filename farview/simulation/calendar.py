"""Clock times of a world: customers are touched in the waking hours of their own zone."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from farview.simulation.business import FloatArray, IntArray, World
from farview.simulation.customers import ZONES

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
FIRST_HOUR, LAST_HOUR = 8, 22


def waking(days: FloatArray) -> FloatArray:
    """Days squeezed into the hours 8 to 22, each onto its own, so that order and dates stay."""
    whole = np.floor(days)
    return np.asarray(whole + (FIRST_HOUR + (LAST_HOUR - FIRST_HOUR) * (days - whole)) / 24)


def local_to_utc(days: FloatArray, region: IntArray, world: World) -> IntArray:
    """Microseconds since 1970, UTC, in whole seconds.

    Args:
        days: since the first midnight of the log on the customer's own clock, within waking hours; negative before.
        region: index into ZONES, broadcast against `days`.
        world: the business.

    The offset is that at the day's noon: clocks change at night. Days after the log keep its last day's offset.
    """
    offsets = _noon_offsets_s(world.log_start, world.history_days, world.log_days)
    day = np.clip(np.floor(days).astype(np.int64) + world.history_days, 0, offsets.shape[1] - 1)
    start_s = int(datetime.combine(world.log_start, time(), UTC).timestamp())
    seconds = start_s + np.floor(days * 86_400).astype(np.int64) - offsets[np.broadcast_to(region, day.shape), day]
    return np.asarray(seconds * SECOND_US)


@lru_cache(maxsize=4)
def _noon_offsets_s(start: date, before: int, after: int) -> IntArray:
    """Offset from UTC of each zone at noon of the days from `before` before the start to `after` after it."""
    noons = [datetime.combine(start, time(hour=12)) + timedelta(days=day) for day in range(-before, after + 1)]
    return np.array([[_offset_s(noon, ZoneInfo(zone)) for noon in noons] for zone in ZONES], dtype=np.int64)


def _offset_s(local: datetime, zone: ZoneInfo) -> int:
    offset = local.replace(tzinfo=zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
