"""Table of rates of exchange."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import KEY, UtcDateTime


class RateRow(Row, table=True):
    """What one unit of a currency was worth on a day. Rows are never changed, as those of transactions."""

    __tablename__ = "rates"
    __table_args__ = (
        Index(
            "uq_rates_currency_date_current",
            "currency",
            "date",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    rate_key: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    currency: str = Field(sa_type=Text)  # ISO 4217
    date: date  # business time zone
    rate: float  # units of the reporting currency
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    import_id: int | None = Field(default=None, sa_type=BigInteger)


RATES = core(RateRow)
