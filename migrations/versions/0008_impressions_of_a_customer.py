"""Eighth revision: the lists of one customer are found by index, as a ranking that names a model reads them.

Revision: 0008, after 0007. Only adds.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_impressions_customer_id_time"), "impressions", ["customer_id", "time"])


def downgrade() -> None:
    op.drop_index(op.f("ix_impressions_customer_id_time"), table_name="impressions")
