"""Training rows of sequence networks: customers at past days, and what they did within horizons after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import Cut
from farview.features.sequences import event_sequences
from farview.features.through import through
from ltv.past_days import reference_days, what_came
from ltv.sequence_inputs import LONGEST, FloatArray, Tokens, Units, tokens

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
    came = [what_came(events, sequences.column(c.CUSTOMER_ID), origin.as_of, end, zone) for end in origin.target_ends]
    purchases, net, gross = np.stack(came, axis=2)
    horizon = np.array([(end - origin.as_of).days for end in origin.target_ends], np.float64)
    return Rows(origin, tokens(sequences, units), horizon, purchases, gross, gross - net)


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
