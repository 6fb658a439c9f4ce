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
    carried: int  # owed by the sequence before
    kept: int  # slots that count for the cohort


@dataclass(frozen=True, slots=True)
class HeldLedger:
    """A ledger as it stands, which nobody else can change until the transaction ends."""

    ledger: str
    sequence_id: int
    window_start: datetime
    window_end: datetime
    slots: int  # reserved or confirmed in this sequence
    floors: tuple[HeldFloor, ...]


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot about to be reserved."""

    place: int  # of the answer, from 1
    customer_id: str
    counts_for: int  # a bit a floor
    forced: bool  # a due placement needed it


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
    """A row of v_exposure_ledger: promise, kept, deficit, now."""

    guarantee_id: str
    ledger: str
    share: float
    window_start: datetime
    window_end: datetime
    is_open: bool
    slots: int
    promised: int
    kept: int
    deficit: int
    reserved: int  # of `kept`, not yet confirmed


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
