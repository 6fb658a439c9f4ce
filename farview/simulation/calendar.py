"""Clock times of a world: customers are touched in the waking hours of their own zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from farview.simulation.customers import ZONES
from farview.simulation.world import FloatArray, IntArray, World

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
        days: since the first midnight of the log on the customer's own clock, within waking hours.
        region: index into ZONES, broadcast against `days`.
        world: the business.

    The offset is that at the day's noon: clocks change at night. Days after the log keep its last day's offset.
    """
    first_noon = datetime.combine(world.log_start, time(hour=12))
    noons = [first_noon + timedelta(days=day) for day in range(world.log_days + 1)]
    offsets = np.array([[_offset_s(noon, ZoneInfo(zone)) for noon in noons] for zone in ZONES], dtype=np.int64)
    day = np.clip(days.astype(np.int64), 0, world.log_days)
    start_s = int(datetime.combine(world.log_start, time(), UTC).timestamp())
    seconds = start_s + np.floor(days * 86_400).astype(np.int64) - offsets[np.broadcast_to(region, day.shape), day]
    return np.asarray(seconds * SECOND_US)


def _offset_s(local: datetime, zone: ZoneInfo) -> int:
    offset = local.replace(tzinfo=zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
