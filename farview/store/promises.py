"""Segments, guarantees and their ledger as the store takes and gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Segment:
    """A filter with a name."""

    segment_id: str
    filter: str  # in the grammar of docs/filters.md
    description: str = ""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment and who set it."""

    segment: Segment
    who: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class GuaranteeTerms:
    """What is promised: a share of a ledger's slots to a cohort, which is a filter or a segment, never both."""

    guarantee_id: str
    ledger: str
    share: Fraction  # in (0, 1], denominator at most 10^6
    cohort_filter: str | None
    segment_id: str | None
    window_days: int
    end_time: datetime | None = None  # aware; None: for ever
    description: str = ""
    by_attention: bool = False  # a share of the slots' attention, not of their number


@dataclass(frozen=True, slots=True)
class StoredGuarantee:
    """A guarantee and who set it."""

    terms: GuaranteeTerms
    filter: str  # of the cohort, the segment's where it is one
    who: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class HeldFloor:
    """A guarantee as its ledger stands."""

    guarantee_id: str
    filter: str  # of the cohort
    share: Fraction
    bit: int  # of NewSlot.counts_for
    carried: int  # owed by the sequence before: slots, or attention
    kept: int  # slots that count for the cohort
    attention: int = 0  # of these slots


@dataclass(frozen=True, slots=True)
class HeldLedger:
    """A ledger as it stands, which nobody else can change until the transaction ends.

    Attention, here and below, is counted in millionths of that of a list's first place.
    """

    ledger: str
    sequence_id: int
    window_start: datetime
    window_end: datetime
    slots: int  # reserved or confirmed in this sequence
    floors: tuple[HeldFloor, ...]
    by_attention: bool = False  # what its shares are of
    attention: int = 0  # of those slots


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot about to be reserved."""

    place: int  # of the answer, from 1
    customer_id: str
    counts_for: int  # a bit a floor
    forced: bool  # a due placement needed it
    attention: int = 0  # that it gets


@dataclass(frozen=True, slots=True)
class Reservation:
    """Whose slots are reserved, and until when."""

    answer_id: str
    expires_at: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an answer's reservations."""

    confirmed: int  # now, that were not before
    released: int


@dataclass(frozen=True, slots=True)
class FloorState:
    """A row of v_exposure_ledger: promise, kept, deficit, now. In a ledger by attention no slots are promised."""

    guarantee_id: str
    ledger: str
    share: float
    window_start: datetime
    window_end: datetime
    is_open: bool
    slots: int
    promised: int | None
    kept: int
    deficit: int | None
    reserved: int  # of `kept`, not yet confirmed
    attention: "AttentionState | None" = None  # in a ledger by attention


@dataclass(frozen=True, slots=True)
class AttentionState:
    """How a guarantee by attention stands; unit: the attention of a list's first place."""

    total: float  # of the slots that count
    promised: float  # the cohort's attention is to exceed this; 0: nothing is promised yet
    kept: float
    deficit: float  # missing; 0 when the promise holds


@dataclass(frozen=True, slots=True)
class Contact:
    """What a customer is contacted for, and how often they may be."""

    channel: str | None  # None: on none in particular
    purpose: str = "marketing"
    caps: Sequence["Cap"] = ()


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many contacts of a customer within the last days."""

    contacts: int
    days: int
