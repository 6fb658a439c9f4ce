"""Tables of touchpoints and consents."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Text, text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import AMOUNT, CUSTOMER_KEY, KEY, UtcDateTime


class TouchpointRow(Row, table=True):
    """Touches and conversions. Rows are never changed, as those of transactions.

    With an index by customer: the history of one customer is read before each journey that is planned for them.
    """

    __tablename__ = "touchpoints"
    __table_args__ = (
        Index(
            "uq_touchpoints_touchpoint_id_current",
            "touchpoint_id",
            unique=True,
            sqlite_where=text("touchpoint_id IS NOT NULL AND superseded_at IS NULL"),
            postgresql_where=text("touchpoint_id IS NOT NULL AND superseded_at IS NULL"),
        ),
        Index(None, "customer_id", "time"),
    )

    touchpoint_key: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    touchpoint_id: str | None = Field(default=None, sa_type=Text)
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    time: datetime = Field(sa_type=UtcDateTime)
    interaction: str = Field(sa_type=Text)  # "conversion" for a conversion
    channel: str | None = Field(default=None, sa_type=Text)  # null only for conversions
    conversion_value: float | None = Field(default=None, sa_type=AMOUNT)  # reporting currency; null for touches
    original_value: float | None = Field(default=None, sa_type=AMOUNT)  # as sent; null: in the reporting currency
    original_currency: str | None = Field(default=None, sa_type=Text)
    propensity: float | None = None  # of the channel under the policy that chose it
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    row_hash: int = Field(sa_type=BigInteger)  # see farview.store.row_hash
    import_id: int | None = Field(default=None, sa_type=BigInteger)  # null: came over RPC


class ConsentRow(Row, table=True):
    """What customers said about being contacted. The latest record counts; rows are never changed.

    The unique index serves the search for the latest record too.
    """

    __tablename__ = "consents"
    __table_args__ = (
        Index(
            "uq_consents_customer_id_channel_purpose_time_current",
            "customer_id",
            "channel",
            "purpose",
            "time",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    consent_key: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    channel: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)  # "marketing"
    allowed: bool = Field(sa_type=Boolean)
    time: datetime = Field(sa_type=UtcDateTime)  # when the customer said so
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    import_id: int | None = Field(default=None, sa_type=BigInteger)


TOUCHPOINTS = core(TouchpointRow)
CONSENTS = core(ConsentRow)
