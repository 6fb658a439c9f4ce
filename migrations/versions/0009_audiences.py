"""Ninth revision: audiences that jobs make.

Revision: 0009, after 0008. Only adds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
CUSTOMER_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    counted = ("seed", "candidates", "barred", "customers")
    op.create_table(
        "audiences",
        sa.Column("audience_id", KEY, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("forecast_run_id", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counted),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("floors", "obstacles", "who")),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("audience_id", name=op.f("pk_audiences")),
        sa.UniqueConstraint("operation_id", name=op.f("uq_audiences_operation_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audience_members",
        sa.Column("audience_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("expected_value_mean", sa.Float(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("audience_id", "place", name=op.f("pk_audience_members")),
        sa.ForeignKeyConstraint(
            ["audience_id"],
            ["audiences.audience_id"],
            name=op.f("fk_audience_members_audience_id_audiences"),
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("audience_members")
    op.drop_table("audiences")
