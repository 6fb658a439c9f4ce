"""Seventh revision: segments, guarantees, and the ledger of slots that guarantees count.

Revision: 0007, after 0006. Only adds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
CUSTOMER_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
RESERVED = sa.text("state = 'reserved'")


def upgrade() -> None:
    _segments_and_guarantees()
    _sequences()
    _slots()


def downgrade() -> None:
    for table in ("exposure_slots", "exposure_floors", "exposure_sequences", "guarantees", "segments"):
        op.drop_table(table)


def _said() -> list[sa.Column[object]]:
    """Who said it and when, of what people set."""
    return [
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
    ]


def _share() -> list[sa.Column[object]]:
    return [sa.Column(f"share_{part}", sa.BigInteger(), nullable=False) for part in ("numerator", "denominator")]


def _segments_and_guarantees() -> None:
    op.create_table(
        "segments",
        sa.Column("segment_id", CUSTOMER_KEY, nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        *_said(),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segments")),
    )
    op.create_table(
        "guarantees",
        sa.Column("guarantee_id", CUSTOMER_KEY, nullable=False),
        sa.Column("ledger", CUSTOMER_KEY, nullable=False),
        *_share(),
        sa.Column("cohort_filter", sa.Text(), nullable=True),
        sa.Column("segment_id", CUSTOMER_KEY, nullable=True),
        sa.Column("window_days", sa.BigInteger(), nullable=False),
        sa.Column("end_time", UTC_TIME, nullable=True),
        *_said(),
        sa.CheckConstraint("(cohort_filter IS NULL) <> (segment_id IS NULL)", name=op.f("ck_guarantees_one_cohort")),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.segment_id"], name=op.f("fk_guarantees_segment_id_segments")
        ),
        sa.PrimaryKeyConstraint("guarantee_id", name=op.f("pk_guarantees")),
    )
    op.create_index(op.f("ix_guarantees_ledger_guarantee_id"), "guarantees", ["ledger", "guarantee_id"], unique=False)


def _sequences() -> None:
    op.create_table(
        "exposure_sequences",
        sa.Column("sequence_id", KEY, nullable=False),
        sa.Column("ledger", CUSTOMER_KEY, nullable=False),
        sa.Column("window_start", UTC_TIME, nullable=False),
        sa.Column("window_end", UTC_TIME, nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", UTC_TIME, nullable=False),
        sa.Column("closed_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("sequence_id", name=op.f("pk_exposure_sequences")),
    )
    op.create_index(
        "uq_exposure_sequences_ledger_open",
        "exposure_sequences",
        ["ledger"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "exposure_floors",
        sa.Column("sequence_id", sa.BigInteger(), nullable=False),
        sa.Column("guarantee_id", CUSTOMER_KEY, nullable=False),
        sa.Column("bit", sa.BigInteger(), nullable=False),
        *_share(),
        sa.Column("carried", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sequence_id"],
            ["exposure_sequences.sequence_id"],
            name=op.f("fk_exposure_floors_sequence_id_exposure_sequences"),
        ),
        sa.PrimaryKeyConstraint("sequence_id", "guarantee_id", name=op.f("pk_exposure_floors")),
    )


def _slots() -> None:
    op.create_table(
        "exposure_slots",
        sa.Column("slot_id", KEY, nullable=False),
        sa.Column("sequence_id", sa.BigInteger(), nullable=False),
        sa.Column("answer_id", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counts_for", sa.BigInteger(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("reserved_at", UTC_TIME, nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=False),
        sa.Column("settled_at", UTC_TIME, nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('reserved', 'confirmed', 'released', 'expired')", name=op.f("ck_exposure_slots_state")
        ),
        sa.ForeignKeyConstraint(
            ["sequence_id"],
            ["exposure_sequences.sequence_id"],
            name=op.f("fk_exposure_slots_sequence_id_exposure_sequences"),
        ),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_exposure_slots")),
    )
    op.create_index(op.f("ix_exposure_slots_answer_id_place"), "exposure_slots", ["answer_id", "place"], unique=True)
    for column in ("sequence_id", "customer_id"):
        op.create_index(
            f"ix_exposure_slots_{column}_expires_at_reserved",
            "exposure_slots",
            [column, "expires_at"],
            unique=False,
            sqlite_where=RESERVED,
            postgresql_where=RESERVED,
        )
