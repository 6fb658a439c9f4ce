"""When the touches of a plan would be sent: at a steady gap, never in the customer's quiet hours."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from farview.core.clock import zone as zone_of
from farview.features.journey_state import HOUR_US
from farview.features.steps import instant, micros
from journeys.timed import IntArray, WordArray
from journeys.windows import QuietHours, WindowCap


def planned_times(first_us: int, gap_hours: float, length: int, quiet: QuietHours | None, zone: str) -> IntArray:
    """Microseconds of each touch, shape (length,); the first at `first_us`, or when quiet hours next end.

    Args:
        first_us: earliest instant of the first touch.
        gap_hours: from a touch to the earliest instant of the next.
        length: touches.
        quiet: hours of the day in which nothing is sent; None: none.
        zone: IANA, whose days they are.
    """
    gap_us = gap_hours * HOUR_US
    if quiet is None:
        return first_us + np.rint(gap_us * np.arange(length)).astype(np.int64)
    tz, times = zone_of(zone), np.empty(length, np.int64)
    at = instant(first_us)
    for position in range(length):
        at = awake(at, quiet, tz)
        times[position] = micros(at)
        at = at + timedelta(microseconds=round(gap_us))
    return times


def awake(at: datetime, quiet: QuietHours, tz: ZoneInfo) -> datetime:
    """The instant itself, or the end of the quiet hours that it falls into."""
    local = at.astimezone(tz)
    if not quiet.hold(local.time()):
        return at
    ends = datetime.combine(local.date(), quiet.until, tz)
    if ends <= local.replace(fold=0):
        ends = datetime.combine(local.date() + timedelta(days=1), quiet.until, tz)
    return max(instant(micros(ends)), at)


def timed_rules(
    windows: Sequence[WindowCap], channels: Sequence[str], times_us: IntArray, history: tuple[IntArray, IntArray]
) -> tuple[WordArray, IntArray, IntArray, IntArray]:
    """`word`, `most`, `first` and `past` of TimedRules.

    Args:
        windows: caps in rolling windows.
        channels: names of the codes.
        times_us: of the positions, ascending, shape (L,).
        history: instants and channel codes of the touches that happened, ascending, shape (touches,) each.
    """
    past_us, past_channel = history
    R, L = len(windows), len(times_us)
    word, most = np.zeros(R, np.uint64), np.zeros(R, np.int64)
    first, past = np.zeros((R, L), np.int64), np.zeros((R, L), np.int64)
    for number, window in enumerate(windows):
        codes = range(len(channels)) if window.channel is None else [channels.index(window.channel)]
        word[number], most[number] = np.uint64(sum(1 << code for code in codes)), window.most
        begins_us = times_us - round(window.hours * HOUR_US)  # excluded: two touches just that far apart share none
        first[number] = np.searchsorted(times_us, begins_us, side="right")
        # A channel that the model does not know counts under the caps of all channels together.
        counted = past_us if window.channel is None else past_us[np.isin(past_channel, list(codes))]
        past[number] = len(counted) - np.searchsorted(counted, begins_us, side="right")
    return word, most, first, past
