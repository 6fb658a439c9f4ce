"""Tables of forecast runs, forecasts and totals."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import CUSTOMER_KEY, KEY, UtcDateTime


class ForecastRunRow(Row, table=True):
    """One scoring of all customers. Its forecasts and totals exist for readers once `status` is published.

    A run is staged part by part in their order, each in one transaction with `sums`, what the totals need of the parts
    so far. Who begins the run again raises `attempt`, which shuts out the one before, and goes on at `parts_staged`.

    The unique constraint is the run's idempotent key. Ids are never used again, so that a job that was taken for dead
    cannot stage into its successor's run.
    """

    __tablename__ = "forecast_runs"
    __table_args__ = (
        UniqueConstraint("model_version_id", "as_of", "snapshot_hash", "config_hash", name="uq_forecast_runs_key"),
        ForeignKeyConstraint(["model_version_id"], ["model_versions.model_version_id"]),
        CheckConstraint("status IN ('staging', 'abandoned', 'published')", name="status"),
        CheckConstraint("(status = 'published') = (published_at IS NOT NULL)", name="published_at"),
        Index(None, "status", "as_of"),
        {"sqlite_autoincrement": True},
    )

    run_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    status: str = Field(sa_type=Text)
    model_version_id: int = Field(sa_type=BigInteger)
    as_of: date
    known_at: datetime = Field(sa_type=UtcDateTime)
    snapshot_hash: str = Field(sa_type=Text)
    config_hash: str = Field(sa_type=Text)
    horizons_days: str = Field(sa_type=Text)  # JSON list
    seed: int = Field(sa_type=BigInteger)
    rows_staged: int = Field(sa_type=BigInteger)
    parts: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    parts_staged: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    attempt: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    sums: bytes | None = Field(default=None, sa_type=LargeBinary)  # null once published
    created_at: datetime = Field(sa_type=UtcDateTime)
    staged_at: datetime = Field(sa_type=UtcDateTime)  # last sign of life of the job that fills it
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ForecastRow(Row, table=True):
    """farview.core.schemas.FORECAST by run. Grids stay 66 bytes each.

    The customer's id stands in the row: a surrogate key would save a few bytes of about 400 and cost every writer and
    reader a join. No foreign key to the run, which PostgreSQL would check row by row: `stage` holds the run's row
    instead.
    """

    __tablename__ = "forecasts"
    __table_args__ = (
        Index("uq_forecasts_run_id_customer_id_horizon_days", "run_id", "customer_id", "horizon_days", unique=True),
        Index("ix_forecasts_run_id_horizon_days_value_mean", "run_id", "horizon_days", "value_mean", "customer_id"),
    )

    forecast_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    run_id: int = Field(sa_type=BigInteger)
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    cohort: str = Field(sa_type=Text)
    first_purchase_date: date
    horizon_days: int
    purchases_p_zero: float
    purchases_mean: float
    purchases_sd: float
    purchases_q05: float
    purchases_q10: float
    purchases_q50: float
    purchases_q90: float
    purchases_q95: float
    purchases_grid: bytes = Field(sa_type=LargeBinary)
    value_p_zero: float
    value_mean: float
    value_sd: float
    value_q05: float
    value_q10: float
    value_q50: float
    value_q90: float
    value_q95: float
    value_grid: bytes = Field(sa_type=LargeBinary)
    expected_value_mean: float
    expected_value_sd: float
    expected_value_q05: float
    expected_value_q10: float
    expected_value_q50: float
    expected_value_q90: float
    expected_value_q95: float
    p_alive: float | None = None
    median_next_purchase_date: date | None = None


class SegmentTotalRow(Row, table=True):
    """farview.core.schemas.TOTALS by run."""

    __tablename__ = "segment_totals"
    __table_args__ = (
        ForeignKeyConstraint(["run_id"], ["forecast_runs.run_id"]),
        CheckConstraint("group_kind IN ('base', 'cohort', 'segment')", name="group_kind"),
    )

    run_id: int = Field(primary_key=True, sa_type=BigInteger)
    group_kind: str = Field(primary_key=True, sa_type=Text)
    group_name: str = Field(primary_key=True, sa_type=Text)
    horizon_days: int = Field(primary_key=True)
    measure: str = Field(primary_key=True, sa_type=Text)
    customers: int = Field(sa_type=BigInteger)
    mean: float
    draws: bytes = Field(sa_type=LargeBinary)  # little-endian float64
    q05: float | None = None  # of the draws, for those who cannot read them: SQL
    q10: float | None = None
    q50: float | None = None
    q90: float | None = None
    q95: float | None = None


RUNS = core(ForecastRunRow)
FORECASTS = core(ForecastRow)
TOTALS_TABLE = core(SegmentTotalRow)
