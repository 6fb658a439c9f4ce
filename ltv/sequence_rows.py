"""Training rows of sequence networks: customers at past days, and what they did within horizons after them."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.features.sequences import event_sequences
from farview.features.through import through
from farview.features.window import GROSS_VALUE, window
from ltv.sequence_inputs import LONGEST, FloatArray, Tokens, Units, tokens

LONGEST_REFERENCE_DAYS = 365
LONGEST_SPAN_DAYS = 6 * LONGEST_REFERENCE_DAYS  # origins further back teach what is long past
MOST_CUSTOMERS = 20_000  # more would teach networks of these sizes little


@dataclass(frozen=True, slots=True)
class Origin:
    """A day in the past with the ends of its targets."""

    as_of: date
    target_ends: tuple[date, ...]  # ascending


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Customers of one origin; targets are (rows, K), NaN where the column has no target at this origin."""

    origin: Origin
    tokens: Tokens
    horizon_days: FloatArray  # (K,)
    purchases: FloatArray
    gross: FloatArray  # reporting currency
    returned: FloatArray  # 0 or more


def reference_days(first_day: date, last_day: date) -> int:
    """A third of the span, at most a year: the length of the newest origin's longest target; 0 of spans too short."""
    return min((last_day - first_day).days // 3, LONGEST_REFERENCE_DAYS)


def training_origins(first_day: date, last_day: date) -> tuple[Origin, ...]:
    """Three origins, oldest first, two, one and a half and one reference before the last day.

    Each has targets of half a reference, of a whole one, and to the last day. Those of the oldest origins that end by
    the newest's day are what early stopping may learn from. Spans shorter than 12 days have none.
    """
    reference = reference_days(first_day, last_day)
    if reference < 4:
        return ()
    days = [last_day - timedelta(days=halves * reference // 2) for halves in (4, 3, 2)]
    return tuple(
        Origin(
            day,
            tuple(sorted({day + timedelta(days=reference // 2), day + timedelta(days=reference), last_day} - {day})),
        )
        for day in days
    )


def of_some_customers(events: pa.Table) -> pa.Table:
    """The events of at most about MOST_CUSTOMERS customers, chosen by their ids alone."""
    who = events.column(c.CUSTOMER_ID).combine_chunks().dictionary_encode()
    if len(who.dictionary) <= MOST_CUSTOMERS:
        return events
    drawn = np.array([zlib.crc32(b"sequence" + name.encode()) / 2**32 for name in who.dictionary.to_pylist()])
    return events.filter(pa.array((drawn < MOST_CUSTOMERS / len(drawn))[who.indices.to_numpy()]))


def training_rows(events: pa.Table, origin: Origin, zone: str, units: Units) -> Rows:
    """Every customer with a purchase day by the origin, and what came.

    Args:
        events: schemas.EVENTS, all days up to the last target's end.
        origin: of `training_origins`.
        zone: IANA zone of the business.
        units: of the model.
    """
    known = through(events, origin.as_of, zone)
    sequences = event_sequences(known, Cut(origin.as_of, datetime.now(UTC)), zone, LONGEST).read_all().combine_chunks()
    came = [_came(events, sequences.column(c.CUSTOMER_ID), origin.as_of, end, zone) for end in origin.target_ends]
    purchases, net, gross = np.stack(came, axis=2)
    horizon = np.array([(end - origin.as_of).days for end in origin.target_ends], np.float64)
    return Rows(origin, tokens(sequences, units), horizon, purchases, gross, gross - net)


def _came(events: pa.Table, customers: pa.ChunkedArray, as_of: date, end: date, zone: str) -> FloatArray:
    """Purchases, net and gross value within (as_of, end], (3, rows)."""
    rows = window(events, as_of, end, zone).read_all()
    place = pc.index_in(customers, value_set=rows.column(c.CUSTOMER_ID).combine_chunks())
    names = (c.PURCHASES, c.VALUE, GROSS_VALUE)
    return np.stack([pc.fill_null(rows.column(name).cast(pa.float64()).take(place), 0.0).to_numpy() for name in names])


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Rows of several origins one upon the other, in the units of the model."""

    tokens: Tokens
    u: FloatArray  # (rows, K) horizons in references, NaN without a target
    purchases: FloatArray  # (rows, K), and the next two
    gross: FloatArray
    returned: FloatArray


def stacked(blocks: Sequence[Rows], units: Units, ends_by: date | None = None) -> Stack:
    """Rows with at least one target that ends by a day (default: any); other targets are NaN."""
    widest = max(len(block.horizon_days) for block in blocks)
    used = [block for block in blocks if ends_by is None or block.origin.target_ends[0] <= ends_by]
    kept = [_padded(block, units, widest, ends_by) for block in used]
    joined = Tokens(
        np.concatenate([block.tokens.events for block in used]), np.concatenate([block.tokens.now for block in used])
    )
    return Stack(joined, *(np.concatenate(parts) for parts in zip(*kept, strict=True)))


def _padded(block: Rows, units: Units, widest: int, ends_by: date | None) -> tuple[FloatArray, ...]:
    seen = np.array([ends_by is None or end <= ends_by for end in block.origin.target_ends])
    u = np.where(seen, block.horizon_days / units.reference_days, np.nan)
    parts = [np.broadcast_to(u, block.purchases.shape), block.purchases, block.gross / units.money,
             block.returned / units.money]  # fmt: skip
    more = ((0, 0), (0, widest - len(u)))
    return tuple(np.pad(np.where(seen, part, np.nan), more, constant_values=np.nan) for part in parts)
