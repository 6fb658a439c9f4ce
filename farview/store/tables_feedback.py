"""Tables of what was really shown, and of the keys that sign answers."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import CUSTOMER_KEY, KEY, UtcDateTime


class ExposureRow(Row, table=True):
    """One place of an answer that was really shown. What the answer was, its signed token proved."""

    __tablename__ = "exposures"
    __table_args__ = (Index(None, "answer_id", "row_hash", unique=True), Index(None, "customer_id", "time"))

    exposure_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    answer_id: str = Field(sa_type=Text)
    place: int = Field(sa_type=BigInteger)  # from 1; the position of a planned touch
    customer_id: str | None = Field(default=None, sa_type=CUSTOMER_KEY)
    item_id: str | None = Field(default=None, sa_type=CUSTOMER_KEY)
    time: datetime = Field(sa_type=UtcDateTime)
    method: str = Field(sa_type=Text)  # "PrioritizeCustomers" | "RankItems" | "PlanJourney"
    forecast_run_id: int | None = Field(default=None, sa_type=BigInteger)
    model_version: str | None = Field(default=None, sa_type=Text)  # "journeys/3"
    plan_id: int | None = Field(default=None, sa_type=BigInteger)
    who: str = Field(sa_type=Text)  # told us so
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    row_hash: int = Field(sa_type=BigInteger)  # of place and ids: a unique index holds nulls for different


class SigningKeyRow(Row, table=True):
    """Secrets that sign the tokens of answers. The newest signs, all of them verify."""

    __tablename__ = "signing_keys"

    key_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    secret: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime)


EXPOSURES = core(ExposureRow)
SIGNING_KEYS = core(SigningKeyRow)
