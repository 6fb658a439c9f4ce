"""A touch log as plain arrays, and the loop that decides what each touch led to. The rules are told in `steps`."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.features.journey_state import BoolArray, IntArray

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int32]

CONVERSION = "conversion"

NEVER_US = np.iinfo(np.int64).max
NO_TOUCH = -1
"""Next channel of a step that no touch follows within its window."""


@dataclass(frozen=True, slots=True)
class LogLimits:
    """What a log covers and how long a touch is watched."""

    zone: str  # IANA, in which time of day, week and year are read
    window_us: int  # longest window of a step
    since_us: int  # the log's start
    until_us: int  # first instant that the log does not cover


@dataclass(frozen=True, slots=True, eq=False)
class LogColumns:
    """The rows of a log in the order of the file."""

    customer_ids: tuple[str, ...]  # ascending
    customer: IntArray  # (rows,) position in customer_ids
    time_us: IntArray  # (rows,) UTC microseconds since 1970
    interaction: pa.StringArray
    channel: pa.StringArray
    is_conversion: BoolArray
    value: FloatArray  # 0 where null
    propensity: FloatArray  # NaN where null


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What each row led to, rows sorted; only those of touches mean anything, but for the tally."""

    converted: BoolArray
    value: FloatArray  # sum of the conversion values in the window
    resolved_us: IntArray
    next_channel: CodeArray
    conversions_before: IntArray
    repeats_in_window: int
    after_window: int
    without_touch: int


def read_columns(log: pa.Table, until_us: int) -> LogColumns:
    """The columns of a log; rows at or after `until_us` are left out.

    Raises:
        InvalidInput: a column is missing, of a wrong type, or null where it must not be.
    """
    for name in (c.CUSTOMER_ID, c.TIME, c.INTERACTION, c.CHANNEL):
        if name not in log.column_names:
            raise InvalidInput.of(name, f"the touch log has no such column (it has {', '.join(log.column_names)})")
    time = log[c.TIME]
    if not pa.types.is_timestamp(time.type) or time.type.tz is None:
        raise InvalidInput.of(c.TIME, f"is {time.type}, not a timestamp with a time zone")
    log = log.filter(pc.less(pc.cast(pc.cast(time, pa.timestamp("us", "UTC")), pa.int64()), until_us))
    for name in (c.CUSTOMER_ID, c.TIME, c.INTERACTION):
        if log[name].null_count:
            raise InvalidInput.of(name, f"{log[name].null_count} rows of the touch log have none")
    is_conversion = pc.equal(log[c.INTERACTION], CONVERSION)
    if pc.any(pc.and_(pc.is_null(log[c.CHANNEL]), pc.invert(is_conversion))).as_py():
        raise InvalidInput.of(c.CHANNEL, "a touch of the log has none (only conversions may lack it)")
    encoded = _one(log[c.CUSTOMER_ID]).dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    value, propensity = (
        log[name] if name in log.column_names else pa.nulls(len(log), pa.float64())
        for name in (c.CONVERSION_VALUE, c.PROPENSITY)
    )
    return LogColumns(
        customer_ids=tuple(names[order]),
        customer=rank[encoded.indices.to_numpy(zero_copy_only=False)],
        time_us=pc.cast(pc.cast(log[c.TIME], pa.timestamp("us", "UTC")), pa.int64()).to_numpy(),
        interaction=_one(log[c.INTERACTION]),
        channel=_one(log[c.CHANNEL]),
        is_conversion=is_conversion.to_numpy(),
        value=pc.fill_null(pc.cast(value, pa.float64()), 0.0).to_numpy(zero_copy_only=False),
        propensity=pc.fill_null(pc.cast(propensity, pa.float64()), np.nan).to_numpy(zero_copy_only=False),
    )


def codes(names: pa.StringArray, known: tuple[str, ...]) -> CodeArray:
    """Position of each name among the known ones, their number for any other."""
    found = pc.index_in(names, value_set=pa.array(known, pa.string()))
    return pc.fill_null(found, len(known)).to_numpy(zero_copy_only=False).astype(np.int32)


def outcomes(starts: IntArray, rows: LogColumns, order: IntArray, channel: CodeArray, limits: LogLimits) -> Outcomes:
    """What each touch led to.

    Args:
        starts: where each customer's rows begin among the sorted rows, shape (customers + 1,).
        rows: the log.
        order: sorts the rows by customer, time, touches before conversions.
        channel: codes, in the order of the file.
        limits: of the log.
    """
    size = len(order)
    figures = Outcomes(
        converted=np.zeros(size, np.bool_),
        value=np.zeros(size),
        resolved_us=np.full(size, NEVER_US),
        next_channel=np.full(size, NO_TOUCH, np.int32),
        conversions_before=np.zeros(size, np.int64),
        repeats_in_window=0,
        after_window=0,
        without_touch=0,
    )
    repeats, late, orphans = _walk(
        starts,
        (rows.time_us[order], ~rows.is_conversion[order], rows.value[order], channel[order]),
        (limits.window_us, limits.until_us),
        (figures.converted, figures.value, figures.resolved_us, figures.next_channel, figures.conversions_before),
    )
    return replace(figures, repeats_in_window=repeats, after_window=late, without_touch=orphans)


@njit(cache=True, nogil=True)
def _walk(
    starts: IntArray,
    rows: tuple[IntArray, BoolArray, FloatArray, CodeArray],
    limits: tuple[int, int],
    out: tuple[BoolArray, FloatArray, IntArray, CodeArray, IntArray],
) -> tuple[int, int, int]:
    """Fills `out` (see Outcomes) and counts conversions that belong to no step."""
    time_us, touch, value, channel = rows
    window_us, until_us = limits
    converted, total, resolved_us, next_channel, conversions_before = out
    repeats = late = orphans = 0
    for customer in range(len(starts) - 1):
        conversions = 0
        last = -1  # row of the touch whose window may still be open
        for row in range(starts[customer], starts[customer + 1]):
            now = time_us[row]
            in_window = last >= 0 and now <= time_us[last] + window_us
            if touch[row]:
                conversions_before[row] = conversions
                if in_window and not converted[last]:
                    resolved_us[last] = now
                    next_channel[last] = channel[row]
                last = row
                if now + window_us < until_us:
                    resolved_us[row] = now + window_us  # unless something ends the window first
                continue
            conversions += 1
            if last < 0:
                orphans += 1
            elif not in_window:
                late += 1
            elif converted[last]:
                repeats += 1
                total[last] += value[row]
            else:
                converted[last] = True
                resolved_us[last] = now
                total[last] = value[row]
    return repeats, late, orphans


def _one(column: pa.ChunkedArray) -> pa.Array:
    return pa.chunked_array(pc.cast(column, pa.string()).chunks, pa.string()).combine_chunks()
