"""Tenth revision: treatments, and what models foresee of their effects.

Revision: 0010, after 0009. Only adds: code of 0009 could still read and write what it made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CUSTOMER_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
AMOUNT = sa.Numeric(18, 6).with_variant(sa.Float(), "sqlite")
CURRENT = sa.text("superseded_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "treatments",
        sa.Column("treatment_key", KEY, nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("outcome", AMOUNT, nullable=True),
        sa.Column("original_outcome", AMOUNT, nullable=True),
        sa.Column("original_currency", sa.Text(), nullable=True),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("treatment_key", name=op.f("pk_treatments")),
    )
    op.create_index(
        "uq_treatments_customer_id_time_action_current",
        "treatments",
        ["customer_id", "time", "action"],
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )
    op.create_table(
        "effect_runs",
        sa.Column("effect_run_id", KEY, nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.model_version_id"],
            name=op.f("fk_effect_runs_model_version_id_model_versions"),
        ),
        sa.PrimaryKeyConstraint("effect_run_id", name=op.f("pk_effect_runs")),
    )
    op.create_table(
        "treatment_effects",
        sa.Column("effect_run_id", KEY, autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("effect", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("effect_run_id", "action", "customer_id", name=op.f("pk_treatment_effects")),
    )


def downgrade() -> None:
    for table in ("treatment_effects", "effect_runs", "treatments"):
        op.drop_table(table)
    op.execute("DELETE FROM import_files WHERE kind = 'treatments'")  # their rows are gone
