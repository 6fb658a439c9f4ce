"""Fifth revision: what the gates said of model versions.

Revision: 0005, after 0004. Only adds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "gate_reports",
        sa.Column("gate_report_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("champion", sa.BigInteger(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("made_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["kind", "version"],
            ["model_versions.kind", "model_versions.version"],
            name=op.f("fk_gate_reports_kind_version_model_versions"),
        ),
        sa.PrimaryKeyConstraint("gate_report_id", name=op.f("pk_gate_reports")),
    )
    op.create_index(
        op.f("ix_gate_reports_kind_version_gate_report_id"),
        "gate_reports",
        ["kind", "version", "gate_report_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("gate_reports")  # with its index
