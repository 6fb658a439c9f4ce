"""Third revision: operations that wait for a worker, and what a worker writes of its claim.

Revision: 0003, after 0002. Only adds: code of 0002 could still read and write what it made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
OPEN = "queued_at IS NOT NULL AND state IN ('waiting', 'running')"


def upgrade() -> None:
    with op.batch_alter_table("operations") as operations:
        for name in ("queued_at", "heartbeat_at", "cancel_requested_at"):
            operations.add_column(sa.Column(name, UTC_TIME, nullable=True))
        operations.add_column(sa.Column("claimed_by", sa.Text(), nullable=True))
        operations.add_column(sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"))
        operations.alter_column("started_at", existing_type=UTC_TIME, nullable=True)
        operations.drop_constraint(op.f("ck_operations_state"), type_="check")
        operations.create_check_constraint(
            op.f("ck_operations_state"), "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')"
        )
    op.create_index(
        "ix_operations_open",
        "operations",
        ["operation_id"],
        unique=False,
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )


def downgrade() -> None:
    op.drop_index("ix_operations_open", "operations")
    op.execute("DELETE FROM operations WHERE state IN ('waiting', 'cancelled')")  # which 0002 has no word for
    with op.batch_alter_table("operations") as operations:
        operations.drop_constraint(op.f("ck_operations_state"), type_="check")
        operations.create_check_constraint(op.f("ck_operations_state"), "state IN ('running', 'done', 'failed')")
        operations.alter_column("started_at", existing_type=UTC_TIME, nullable=False)
        for name in ("attempts", "claimed_by", "cancel_requested_at", "heartbeat_at", "queued_at"):
            operations.drop_column(name)
