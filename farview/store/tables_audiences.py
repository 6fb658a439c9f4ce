"""Tables of audiences: customers in the order in which they are to be contacted, made by a job."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKeyConstraint, Text, UniqueConstraint
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import CUSTOMER_KEY, KEY, UtcDateTime


class AudienceRow(Row, table=True):
    """An audience. Never changed; its members are written in the same transaction.

    The operation is its key: a job that is begun again finds what it had written.
    """

    __tablename__ = "audiences"
    __table_args__ = (UniqueConstraint("operation_id"), {"sqlite_autoincrement": True})

    audience_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    operation_id: int = Field(sa_type=BigInteger)
    request: str = Field(sa_type=Text)  # JSON: what was asked for
    forecast_run_id: int = Field(sa_type=BigInteger)
    model_version: str = Field(sa_type=Text)  # "ltv-revenue/3"
    horizon_days: int
    seed: int = Field(sa_type=BigInteger)
    candidates: int = Field(sa_type=BigInteger)
    barred: int = Field(sa_type=BigInteger)  # of those who could have got a place
    customers: int = Field(sa_type=BigInteger)
    floors: str = Field(sa_type=Text)  # JSON list, as promised and kept
    obstacles: str = Field(sa_type=Text)  # JSON list: why the floors could not all be promised
    who: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AudienceMemberRow(Row, table=True):
    """A place of an audience."""

    __tablename__ = "audience_members"
    __table_args__ = (ForeignKeyConstraint(["audience_id"], ["audiences.audience_id"], ondelete="CASCADE"),)

    audience_id: int = Field(primary_key=True, sa_type=BigInteger)
    place: int = Field(primary_key=True, sa_type=BigInteger)  # from 1; a forgotten customer leaves a gap
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    cohort: str = Field(sa_type=Text)
    score: float
    expected_value_mean: float  # reporting currency
    forced: bool = Field(sa_type=Boolean)  # a due placement needed the place


AUDIENCES = core(AudienceRow)
AUDIENCE_MEMBERS = core(AudienceMemberRow)
