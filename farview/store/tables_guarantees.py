"""Tables of segments, guarantees, and the ledger of slots that guarantees count.

In a ledger by attention shares are of the slots' attention, in millionths of that of a list's first place; else of
their number, and the attention is 0.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKeyConstraint, Index, Text, false, text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import CUSTOMER_KEY, KEY, UtcDateTime

_NO = {"server_default": false()}
_NONE = {"server_default": "0"}


class SegmentRow(Row, table=True):
    """A filter with a name."""

    __tablename__ = "segments"

    segment_id: str = Field(primary_key=True, sa_type=CUSTOMER_KEY)
    filter: str = Field(sa_type=Text)  # in the grammar of docs/filters.md
    description: str = Field(sa_type=Text)
    who: str = Field(sa_type=Text)  # set it last
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class GuaranteeRow(Row, table=True):
    """A promise that a cohort gets a share of the slots of a ledger. Its cohort is a filter or a segment."""

    __tablename__ = "guarantees"
    __table_args__ = (
        CheckConstraint("(cohort_filter IS NULL) <> (segment_id IS NULL)", name="one_cohort"),
        ForeignKeyConstraint(["segment_id"], ["segments.segment_id"]),
        Index(None, "ledger", "guarantee_id"),
    )

    guarantee_id: str = Field(primary_key=True, sa_type=CUSTOMER_KEY)
    ledger: str = Field(sa_type=CUSTOMER_KEY)  # guarantees of one ledger share its slots
    share_numerator: int = Field(sa_type=BigInteger)  # a fraction: floors of doubles come out one short
    share_denominator: int = Field(sa_type=BigInteger)
    cohort_filter: str | None = Field(default=None, sa_type=Text)
    segment_id: str | None = Field(default=None, sa_type=CUSTOMER_KEY)
    window_days: int = Field(sa_type=BigInteger)  # the same for all guarantees of a ledger
    by_attention: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs=_NO)  # the share; the same for all
    end_time: datetime | None = Field(default=None, sa_type=UtcDateTime)  # null: for ever
    description: str = Field(sa_type=Text)
    who: str = Field(sa_type=Text)  # set it last
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class SequenceRow(Row, table=True):
    """Slots of a ledger that are counted together: those of one window, while its guarantees stay the same."""

    __tablename__ = "exposure_sequences"
    __table_args__ = (
        Index(
            "uq_exposure_sequences_ledger_open",
            "ledger",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    sequence_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    ledger: str = Field(sa_type=CUSTOMER_KEY)
    window_start: datetime = Field(sa_type=UtcDateTime)
    window_end: datetime = Field(sa_type=UtcDateTime)
    slots: int = Field(sa_type=BigInteger)  # reserved or confirmed; those that expired since the last write among them
    by_attention: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs=_NO)  # its floors' shares
    attention: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_NONE)  # of the slots
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SequenceFloorRow(Row, table=True):
    """A guarantee as a sequence counts it."""

    __tablename__ = "exposure_floors"
    __table_args__ = (ForeignKeyConstraint(["sequence_id"], ["exposure_sequences.sequence_id"]),)

    sequence_id: int = Field(primary_key=True, sa_type=BigInteger)
    guarantee_id: str = Field(primary_key=True, sa_type=CUSTOMER_KEY)
    bit: int = Field(sa_type=BigInteger)  # of exposure_slots.counts_for
    share_numerator: int = Field(sa_type=BigInteger)
    share_denominator: int = Field(sa_type=BigInteger)
    carried: int = Field(sa_type=BigInteger)  # placements or attention still owed by the sequence before, of the window
    kept: int = Field(sa_type=BigInteger)  # slots of the sequence that count for the cohort
    attention: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_NONE)  # of these


class SlotRow(Row, table=True):
    """A slot of an answer under guarantees, in the order in which answers were committed."""

    __tablename__ = "exposure_slots"
    __table_args__ = (
        ForeignKeyConstraint(["sequence_id"], ["exposure_sequences.sequence_id"]),
        CheckConstraint("state IN ('reserved', 'confirmed', 'released', 'expired')", name="state"),
        Index(None, "answer_id", "place", unique=True),
        Index(
            "ix_exposure_slots_sequence_id_expires_at_reserved",
            "sequence_id",
            "expires_at",
            sqlite_where=text("state = 'reserved'"),
            postgresql_where=text("state = 'reserved'"),
        ),
        Index(
            "ix_exposure_slots_customer_id_expires_at_reserved",
            "customer_id",
            "expires_at",
            sqlite_where=text("state = 'reserved'"),
            postgresql_where=text("state = 'reserved'"),
        ),
    )

    slot_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    sequence_id: int = Field(sa_type=BigInteger)
    answer_id: str = Field(sa_type=Text)
    place: int = Field(sa_type=BigInteger)  # from 1
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    state: str = Field(sa_type=Text)
    counts_for: int = Field(sa_type=BigInteger)  # a bit a floor of the sequence
    forced: bool = Field(sa_type=Boolean)  # a due placement needed the slot
    attention: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=_NONE)  # that its place gets
    reserved_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)  # of the reservation
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when it stopped being reserved
    who: str = Field(sa_type=Text)  # reserved it


SEGMENTS = core(SegmentRow)
GUARANTEES = core(GuaranteeRow)
SEQUENCES = core(SequenceRow)
FLOORS = core(SequenceFloorRow)
SLOTS = core(SlotRow)
