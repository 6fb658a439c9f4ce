"""Eleventh revision: guarantees whose shares are of attention.

Revision: 0011, after 0010. Only adds: what is there counts slots, as it did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BY_ATTENTION = ("guarantees", "exposure_sequences")
ATTENTION = ("exposure_sequences", "exposure_floors", "exposure_slots")


def upgrade() -> None:
    for table in BY_ATTENTION:
        op.add_column(table, sa.Column("by_attention", sa.Boolean(), nullable=False, server_default=sa.false()))
    for table in ATTENTION:
        op.add_column(table, sa.Column("attention", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.execute("DELETE FROM guarantees WHERE by_attention")  # code of 0010 would count their shares in slots
    for table in BY_ATTENTION:
        op.drop_column(table, "by_attention")
    for table in ATTENTION:
        op.drop_column(table, "attention")
