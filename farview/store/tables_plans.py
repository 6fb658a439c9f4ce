"""Tables of journey plans and the runs that made many at once."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import CUSTOMER_KEY, KEY, UtcDateTime


class PlanRunRow(Row, table=True):
    """One planning of many customers; see ForecastRunRow, whose rules hold here too."""

    __tablename__ = "plan_runs"
    __table_args__ = (
        UniqueConstraint("model_version_id", "as_of", "snapshot_hash", "config_hash", name="uq_plan_runs_key"),
        ForeignKeyConstraint(["model_version_id"], ["model_versions.model_version_id"]),
        CheckConstraint("status IN ('staging', 'abandoned', 'published')", name="status"),
        CheckConstraint("(status = 'published') = (published_at IS NOT NULL)", name="published_at"),
        {"sqlite_autoincrement": True},
    )

    plan_run_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    status: str = Field(sa_type=Text)
    model_version_id: int = Field(sa_type=BigInteger)
    as_of: date
    known_at: datetime = Field(sa_type=UtcDateTime)
    snapshot_hash: str = Field(sa_type=Text)  # of the touchpoints seen
    config_hash: str = Field(sa_type=Text)
    rows_staged: int = Field(sa_type=BigInteger)  # plans
    created_at: datetime = Field(sa_type=UtcDateTime)
    staged_at: datetime = Field(sa_type=UtcDateTime)  # last sign of life of the job that fills it
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PlanRow(Row, table=True):
    """A customer's journey as it was planned. Never changed; one of an unpublished run does not exist for readers.

    Ids are never used again: feedback names them for as long as it likes.
    """

    __tablename__ = "plans"
    __table_args__ = (
        ForeignKeyConstraint(["model_version_id"], ["model_versions.model_version_id"]),
        Index(None, "customer_id", "plan_id"),
        Index(None, "plan_run_id"),
        {"sqlite_autoincrement": True},
    )

    plan_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    plan_run_id: int | None = Field(default=None, sa_type=BigInteger)  # null: made by one call
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    model_version_id: int = Field(sa_type=BigInteger)
    planned_at: datetime = Field(sa_type=UtcDateTime)  # present of the plan: later touches were not seen
    request: str = Field(sa_type=Text)  # JSON: enough to plan again
    probability: float  # of a conversion, with the plan
    probability_low: float  # its 90 % interval
    probability_high: float
    probability_without: float  # without a further touch
    expected_value: float  # reporting currency
    expected_cost: float
    optimality_gap: float | None = None  # null: no bound
    evidence: str = Field(sa_type=Text)  # randomised | propensity-weighted | observational
    who: str | None = Field(default=None, sa_type=Text)  # null: a run's, whose publisher the audit log names
    created_at: datetime = Field(sa_type=UtcDateTime)


class PlanTouchRow(Row, table=True):
    """One touch of a plan."""

    __tablename__ = "plan_touches"
    __table_args__ = (ForeignKeyConstraint(["plan_id"], ["plans.plan_id"], ondelete="CASCADE"),)

    plan_id: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True)  # from 1
    time: datetime = Field(sa_type=UtcDateTime)
    channel: str = Field(sa_type=Text)
    hazard: float  # conversion after this touch, given none before
    reached: float  # probability that no conversion comes before this touch
    cost: float  # reporting currency


PLAN_RUNS = core(PlanRunRow)
PLANS = core(PlanRow)
PLAN_TOUCHES = core(PlanTouchRow)
