"""Fourth revision: forecast runs are staged part by part, and a killed one goes on where it was.

Revision: 0004, after 0003. Runs that were being staged had no parts: they are abandoned, and the next scoring removes
their rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("parts", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("parts_staged", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("sums", sa.LargeBinary(), nullable=True),
    ):
        op.add_column("forecast_runs", column)
    _abandon()


def downgrade() -> None:
    _abandon()
    for name in ("parts", "parts_staged", "attempt", "sums"):
        op.drop_column("forecast_runs", name)


def _abandon() -> None:
    op.execute("UPDATE forecast_runs SET status = 'abandoned' WHERE status = 'staging'")
