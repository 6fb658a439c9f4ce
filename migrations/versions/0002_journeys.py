"""Second revision: customers' attributes and consents, touchpoints, items, impressions, plans, exposures.

Revision: 0002, after 0001. Only adds: code of 0001 could still read what it made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Frozen here, as in 0001.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
CUSTOMER_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
AMOUNT = sa.Numeric(18, 6).with_variant(sa.Float(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("described_at", UTC_TIME, nullable=True),
    ):
        op.add_column("customers", column)
    with op.batch_alter_table("import_files") as imports:
        imports.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="transactions"))
        imports.drop_constraint(op.f("uq_import_files_content_hash_mapping"), type_="unique")
        imports.create_unique_constraint(
            op.f("uq_import_files_kind_content_hash_mapping"), ["kind", "content_hash", "mapping"]
        )
    _touchpoints()
    _consents()
    _items()
    _impressions()
    _plan_runs()
    _plans()
    _exposures()


def downgrade() -> None:
    for table in (
        "signing_keys",
        "exposures",
        "plan_touches",
        "plans",
        "plan_runs",
        "impressions",
        "items",
        "consents",
        "touchpoints",
    ):
        op.drop_table(table)  # with its indices
    op.execute("DELETE FROM import_files WHERE kind <> 'transactions'")  # their rows are gone
    with op.batch_alter_table("import_files") as imports:
        imports.drop_constraint(op.f("uq_import_files_kind_content_hash_mapping"), type_="unique")
        imports.create_unique_constraint(op.f("uq_import_files_content_hash_mapping"), ["content_hash", "mapping"])
        imports.drop_column("kind")
    for column in ("described_at", "time_zone", "attributes"):
        op.drop_column("customers", column)


def _touchpoints() -> None:
    op.create_table(
        "touchpoints",
        sa.Column("touchpoint_key", KEY, nullable=False),
        sa.Column("touchpoint_id", sa.Text(), nullable=True),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("interaction", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("conversion_value", AMOUNT, nullable=True),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("touchpoint_key", name=op.f("pk_touchpoints")),
    )
    op.create_index(op.f("ix_touchpoints_customer_id_time"), "touchpoints", ["customer_id", "time"], unique=False)
    _unique_while_current("touchpoints", ["touchpoint_id"], "touchpoint_id IS NOT NULL AND superseded_at IS NULL")


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("consent_key", KEY, nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("consent_key", name=op.f("pk_consents")),
    )
    _unique_while_current("consents", ["customer_id", "channel", "purpose", "time"], "superseded_at IS NULL")


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("item_id", CUSTOMER_KEY, nullable=False),
        sa.Column("price", AMOUNT, nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("margin", AMOUNT, nullable=True),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("added", sa.Date(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("described_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_items")),
    )


def _impressions() -> None:
    op.create_table(
        "impressions",
        sa.Column("impression_key", KEY, nullable=False),
        sa.Column("query_id", sa.Text(), nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("item_id", CUSTOMER_KEY, nullable=False),
        sa.Column("grade", sa.BigInteger(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("impression_key", name=op.f("pk_impressions")),
    )
    _unique_while_current("impressions", ["query_id", "item_id"], "superseded_at IS NULL")


def _unique_while_current(table: str, columns: list[str], current: str) -> None:
    op.create_index(
        f"uq_{table}_{'_'.join(columns)}_current",
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(current),
        postgresql_where=sa.text(current),
    )


def _plan_runs() -> None:
    op.create_table(
        "plan_runs",
        sa.Column("plan_run_id", KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", UTC_TIME, nullable=False),
        sa.Column("snapshot_hash", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("rows_staged", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("staged_at", UTC_TIME, nullable=False),
        sa.Column("published_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "(status = 'published') = (published_at IS NOT NULL)", name=op.f("ck_plan_runs_published_at")
        ),
        sa.CheckConstraint("status IN ('staging', 'abandoned', 'published')", name=op.f("ck_plan_runs_status")),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.model_version_id"],
            name=op.f("fk_plan_runs_model_version_id_model_versions"),
        ),
        sa.PrimaryKeyConstraint("plan_run_id", name=op.f("pk_plan_runs")),
        sa.UniqueConstraint("model_version_id", "as_of", "snapshot_hash", "config_hash", name="uq_plan_runs_key"),
        sqlite_autoincrement=True,
    )


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("plan_id", KEY, nullable=False),
        sa.Column("plan_run_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("planned_at", UTC_TIME, nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("probability_low", sa.Float(), nullable=False),
        sa.Column("probability_high", sa.Float(), nullable=False),
        sa.Column("probability_without", sa.Float(), nullable=False),
        sa.Column("expected_value", sa.Float(), nullable=False),
        sa.Column("expected_cost", sa.Float(), nullable=False),
        sa.Column("optimality_gap", sa.Float(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.model_version_id"],
            name=op.f("fk_plans_model_version_id_model_versions"),
        ),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plans")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_plans_customer_id_plan_id"), "plans", ["customer_id", "plan_id"], unique=False)
    op.create_index(op.f("ix_plans_plan_run_id"), "plans", ["plan_run_id"], unique=False)
    op.create_table(
        "plan_touches",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("hazard", sa.Float(), nullable=False),
        sa.Column("reached", sa.Float(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plans.plan_id"], name=op.f("fk_plan_touches_plan_id_plans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("plan_id", "position", name=op.f("pk_plan_touches")),
    )


def _exposures() -> None:
    op.create_table(
        "exposures",
        sa.Column("exposure_id", KEY, nullable=False),
        sa.Column("answer_id", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=True),
        sa.Column("item_id", CUSTOMER_KEY, nullable=True),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("forecast_run_id", sa.BigInteger(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("exposure_id", name=op.f("pk_exposures")),
    )
    op.create_index(op.f("ix_exposures_answer_id_row_hash"), "exposures", ["answer_id", "row_hash"], unique=True)
    op.create_table(
        "signing_keys",
        sa.Column("key_id", KEY, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_signing_keys")),
    )
