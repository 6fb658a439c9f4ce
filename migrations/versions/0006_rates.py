"""Sixth revision: rates of exchange, amounts as they were sent, options of imports, quantiles of totals.

Revision: 0006, after 0005. Only adds: code of 0005 could still read and write what it made.
"""

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
AMOUNT = sa.Numeric(18, 6).with_variant(sa.Float(), "sqlite")
ORIGINALS = {"transactions": "original_amount", "touchpoints": "original_value"}
QUANTILES = {"q05": 0.05, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q95": 0.95}
TOTAL_KEY = ("group_kind", "group_name", "horizon_days", "measure")
CURRENT = sa.text("superseded_at IS NULL")


def upgrade() -> None:
    _rates()
    op.create_table(
        "import_options",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_import_options")),
    )
    for table, amount in ORIGINALS.items():
        op.add_column(table, sa.Column(amount, AMOUNT, nullable=True))
        op.add_column(table, sa.Column("original_currency", sa.Text(), nullable=True))
    op.create_index(op.f("ix_exposures_customer_id_time"), "exposures", ["customer_id", "time"], unique=False)
    for name in QUANTILES:
        op.add_column("segment_totals", sa.Column(name, sa.Float(), nullable=True))
    _describe_totals()


def downgrade() -> None:
    with op.batch_alter_table("segment_totals") as totals:
        for name in QUANTILES:
            totals.drop_column(name)
    op.drop_index(op.f("ix_exposures_customer_id_time"), "exposures")
    for table, amount in ORIGINALS.items():
        for column in ("original_currency", amount):
            op.drop_column(table, column)
    for table in ("import_options", "rates"):
        op.drop_table(table)


def _rates() -> None:
    op.create_table(
        "rates",
        sa.Column("rate_key", KEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("rate_key", name=op.f("pk_rates")),
    )
    op.create_index(
        "uq_rates_currency_date_current",
        "rates",
        ["currency", "date"],
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )


def _describe_totals() -> None:
    """Fills the new columns of runs that were published before, a run at a time."""
    totals = sa.table("segment_totals", *map(sa.column, ("run_id", "draws", *QUANTILES, *TOTAL_KEY)))
    connection = op.get_bind()
    for run_id in connection.execute(sa.select(totals.c.run_id).distinct()).scalars().all():
        rows = connection.execute(
            sa.select(totals.c.draws, *(totals.c[name] for name in TOTAL_KEY)).filter_by(run_id=run_id)
        )
        for draws, *key in rows.all():
            values = np.frombuffer(draws, "<f8")
            figures = dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values())).tolist(), strict=True))
            where = [totals.c[name] == value for name, value in zip(TOTAL_KEY, key, strict=True)]
            statement = sa.update(totals).where(totals.c.run_id == run_id, *where)
            connection.execute(statement.values(figures))
