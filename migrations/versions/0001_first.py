"""First revision: business, customers, transactions, models, forecasts, and what guards writes.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen here: farview.store.types may change, what this revision made may not.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
CUSTOMER_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
AMOUNT = sa.Numeric(18, 6).with_variant(sa.Float(), "sqlite")


def upgrade() -> None:
    _business_and_guards()
    _transactions()
    _models()
    _runs()
    _forecasts()
    _refuse_changes_of_the_audit_log()


def downgrade() -> None:
    for table in (
        "forecasts",
        "segment_totals",
        "forecast_runs",
        "model_aliases",
        "model_versions",
        "artifacts",
        "transactions",
        "import_files",
        "customers",
        "audit_log",
        "idempotency",
        "operations",
        "business",
    ):
        op.drop_table(table)  # with its indices and triggers
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_is_append_only")


def _business_and_guards() -> None:
    op.create_table(
        "business",
        sa.Column("business_id", KEY, nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("reporting_currency", sa.Text(), nullable=False),
        sa.Column("consent_required", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("business_id = 1", name=op.f("ck_business_single")),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_business")),
    )
    op.create_table(
        "operations",
        sa.Column("operation_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f("ck_operations_state")),
        sa.PrimaryKeyConstraint("operation_id", name=op.f("pk_operations")),
    )
    op.create_index(op.f("ix_operations_started_at"), "operations", ["started_at"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "audit_log",
        sa.Column("audit_id", KEY, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_subject_audit_id"), "audit_log", ["subject", "audit_id"], unique=False)


def _transactions() -> None:
    op.create_table(
        "customers",
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "import_files",
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rows_imported", sa.BigInteger(), nullable=False),
        sa.Column("rows_unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rows_corrected", sa.BigInteger(), nullable=False),
        sa.Column("rows_rejected", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_import_files")),
        sa.UniqueConstraint("content_hash", "mapping", name=op.f("uq_import_files_content_hash_mapping")),
    )
    op.create_table(
        "transactions",
        sa.Column("transaction_key", KEY, nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("time", UTC_TIME, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ingested_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("transaction_key", name=op.f("pk_transactions")),
    )
    op.create_index(
        "uq_transactions_transaction_id_current",
        "transactions",
        ["transaction_id"],
        unique=True,
        sqlite_where=sa.text("transaction_id IS NOT NULL AND superseded_at IS NULL"),
        postgresql_where=sa.text("transaction_id IS NOT NULL AND superseded_at IS NULL"),
    )


def _models() -> None:
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "model_versions",
        sa.Column("model_version_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("artifact_sha256", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", UTC_TIME, nullable=False),
        sa.Column("snapshot_hash", sa.Text(), nullable=False),
        sa.Column("feature_schema_hash", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("library_versions", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_model_versions_artifact_sha256_artifacts")
        ),
        sa.PrimaryKeyConstraint("model_version_id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("kind", "version", name=op.f("uq_model_versions_kind_version")),
    )
    op.create_table(
        "model_aliases",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("alias IN ('champion', 'candidate')", name=op.f("ck_model_aliases_alias")),
        sa.ForeignKeyConstraint(
            ["kind", "version"],
            ["model_versions.kind", "model_versions.version"],
            name=op.f("fk_model_aliases_kind_version_model_versions"),
        ),
        sa.PrimaryKeyConstraint("kind", "alias", name=op.f("pk_model_aliases")),
    )


def _runs() -> None:
    op.create_table(
        "forecast_runs",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_at", UTC_TIME, nullable=False),
        sa.Column("snapshot_hash", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("horizons_days", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("rows_staged", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("staged_at", UTC_TIME, nullable=False),
        sa.Column("published_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "(status = 'published') = (published_at IS NOT NULL)", name=op.f("ck_forecast_runs_published_at")
        ),
        sa.CheckConstraint("status IN ('staging', 'abandoned', 'published')", name=op.f("ck_forecast_runs_status")),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.model_version_id"],
            name=op.f("fk_forecast_runs_model_version_id_model_versions"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_forecast_runs")),
        sa.UniqueConstraint("model_version_id", "as_of", "snapshot_hash", "config_hash", name="uq_forecast_runs_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_forecast_runs_status_as_of"), "forecast_runs", ["status", "as_of"], unique=False)
    op.create_table(
        "segment_totals",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("group_kind", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("draws", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("group_kind IN ('base', 'cohort', 'segment')", name=op.f("ck_segment_totals_group_kind")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["forecast_runs.run_id"], name=op.f("fk_segment_totals_run_id_forecast_runs")
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "group_kind", "group_name", "horizon_days", "measure", name=op.f("pk_segment_totals")
        ),
    )


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        sa.Column("forecast_id", KEY, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", CUSTOMER_KEY, nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("first_purchase_date", sa.Date(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("purchases_p_zero", sa.Float(), nullable=False),
        sa.Column("purchases_mean", sa.Float(), nullable=False),
        sa.Column("purchases_sd", sa.Float(), nullable=False),
        sa.Column("purchases_q05", sa.Float(), nullable=False),
        sa.Column("purchases_q10", sa.Float(), nullable=False),
        sa.Column("purchases_q50", sa.Float(), nullable=False),
        sa.Column("purchases_q90", sa.Float(), nullable=False),
        sa.Column("purchases_q95", sa.Float(), nullable=False),
        sa.Column("purchases_grid", sa.LargeBinary(), nullable=False),
        sa.Column("value_p_zero", sa.Float(), nullable=False),
        sa.Column("value_mean", sa.Float(), nullable=False),
        sa.Column("value_sd", sa.Float(), nullable=False),
        sa.Column("value_q05", sa.Float(), nullable=False),
        sa.Column("value_q10", sa.Float(), nullable=False),
        sa.Column("value_q50", sa.Float(), nullable=False),
        sa.Column("value_q90", sa.Float(), nullable=False),
        sa.Column("value_q95", sa.Float(), nullable=False),
        sa.Column("value_grid", sa.LargeBinary(), nullable=False),
        sa.Column("expected_value_mean", sa.Float(), nullable=False),
        sa.Column("expected_value_sd", sa.Float(), nullable=False),
        sa.Column("expected_value_q05", sa.Float(), nullable=False),
        sa.Column("expected_value_q10", sa.Float(), nullable=False),
        sa.Column("expected_value_q50", sa.Float(), nullable=False),
        sa.Column("expected_value_q90", sa.Float(), nullable=False),
        sa.Column("expected_value_q95", sa.Float(), nullable=False),
        sa.Column("p_alive", sa.Float(), nullable=True),
        sa.Column("median_next_purchase_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("forecast_id", name=op.f("pk_forecasts")),
    )
    op.create_index(
        "ix_forecasts_run_id_horizon_days_value_mean",
        "forecasts",
        ["run_id", "horizon_days", "value_mean", "customer_id"],
        unique=False,
    )
    op.create_index(
        "uq_forecasts_run_id_customer_id_horizon_days",
        "forecasts",
        ["run_id", "customer_id", "horizon_days"],
        unique=True,
    )


def _refuse_changes_of_the_audit_log() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_log_no_{change.lower()} BEFORE {change} ON audit_log "
                "BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()"
    )
