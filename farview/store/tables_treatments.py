"""Tables of treatments, what came of them, and the effects that models foresee."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Float, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import AMOUNT, CUSTOMER_KEY, KEY, UtcDateTime


class TreatmentRow(Row, table=True):
    """What was done to customers, doing nothing included. Rows are never changed, as those of transactions."""

    __tablename__ = "treatments"
    __table_args__ = (
        Index(
            "uq_treatments_customer_id_time_action_current",
            "customer_id",
            "time",
            "action",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    treatment_key: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    time: datetime = Field(sa_type=UtcDateTime)
    action: str = Field(sa_type=Text)
    propensity: float | None = None  # of the action; null: not logged
    outcome: float | None = Field(default=None, sa_type=AMOUNT)  # reporting currency; null: not known yet
    original_outcome: float | None = Field(default=None, sa_type=AMOUNT)  # as sent; null: in the reporting currency
    original_currency: str | None = Field(default=None, sa_type=Text)
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    row_hash: int = Field(sa_type=BigInteger)
    import_id: int | None = Field(default=None, sa_type=BigInteger)


class EffectRunRow(Row, table=True):
    """A scoring of customers by a model of effects. The latest one counts."""

    __tablename__ = "effect_runs"
    __table_args__ = (ForeignKeyConstraint(["model_version_id"], ["model_versions.model_version_id"]),)

    effect_run_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    model_version_id: int = Field(sa_type=BigInteger)
    as_of: date
    customers: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)


class TreatmentEffectRow(Row, table=True):
    """What an action is foreseen to change for a customer."""

    __tablename__ = "treatment_effects"

    effect_run_id: int = Field(primary_key=True, sa_type=KEY)
    action: str = Field(primary_key=True, sa_type=Text)
    customer_id: str = Field(primary_key=True, sa_type=CUSTOMER_KEY)
    effect: float = Field(sa_type=Float)  # reporting currency, over the window of the outcomes learnt from


TREATMENTS = core(TreatmentRow)
EFFECT_RUNS = core(EffectRunRow)
TREATMENT_EFFECTS = core(TreatmentEffectRow)
