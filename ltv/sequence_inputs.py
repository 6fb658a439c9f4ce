"""What sequence networks read: a customer's last events as rows of numbers, and the present after them.

Times are multiples of the model's reference and amounts of its mean spend, so that what was learnt of one span and
currency is told in numbers near 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.features.sequences import PURCHASE, RETURN

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LONGEST = 32  # events read of a customer, the last ones
TOKEN = ("purchase", "return", "now", "gap_log", "amount_log", "age_log", "number_log")
"""Columns of a token. The last token is the present: the gap since the last event, the mean purchase, all events."""


@dataclass(frozen=True, slots=True)
class Units:
    """What amounts and times are measured in."""

    money: float  # mean spend a purchase day, reporting currency
    reference_days: int


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Sequences of customers."""

    events: Float32Array  # (rows, LONGEST + 1, len(TOKEN)), 0 behind the present
    now: IntArray  # (rows,) place of the present

    def take(self, rows: IntArray) -> "Tokens":
        """Some of them, cut after the longest one's present."""
        now = self.now[rows]
        return Tokens(self.events[rows, : now.max(initial=0) + 1], now)


def tokens(sequences: pa.RecordBatch | pa.Table, units: Units) -> Tokens:
    """Rows of `event_sequences` with LONGEST events kept, as the networks read them."""
    length, events, since = (
        np.asarray(sequences.column(name).to_numpy(), np.float64) for name in ("length", "events", "since_last_days")
    )
    gap, amount, kind = (_lists(sequences, name) for name in ("days_since_previous", "amount", "kind"))
    rows, now = np.arange(len(length)), length.astype(np.int64)
    bought, sent_back = kind == PURCHASE, kind == RETURN
    mean = np.where(bought, np.abs(amount), 0.0).sum(axis=1) / np.maximum(bought.sum(axis=1), 1)
    number = np.cumsum(kind > 0, axis=1) + (events - length)[:, None]
    parts = np.zeros((len(rows), LONGEST + 1, len(TOKEN)), np.float32)
    told = (bought, sent_back, np.zeros_like(gap), gap, np.abs(amount), np.cumsum(gap, axis=1), number)
    present = (0.0, 0.0, 1.0, since, mean, gap.sum(axis=1) + since, events)
    scale = (1.0, 1.0, 1.0, units.reference_days, units.money, units.reference_days, 1.0)
    for column, (event, at_end, unit) in enumerate(zip(told, present, scale, strict=True)):
        logged = np.log1p if TOKEN[column].endswith("_log") else np.asarray
        parts[:, :LONGEST, column] = logged(event / unit) * (kind > 0)
        parts[rows, now, column] = logged(np.asarray(at_end) / unit)
    return Tokens(parts, now)


def _lists(sequences: pa.RecordBatch | pa.Table, name: str) -> FloatArray:
    column = sequences.column(name)
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(whole.flatten().to_numpy(), np.float64).reshape(-1, LONGEST)
