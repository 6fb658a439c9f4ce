"""Tables of items and of lists that were shown."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import AMOUNT, CUSTOMER_KEY, KEY, UtcDateTime


class ItemRow(Row, table=True):
    """The catalogue as it stands."""

    __tablename__ = "items"

    item_id: str = Field(primary_key=True, sa_type=CUSTOMER_KEY)
    price: float = Field(sa_type=AMOUNT)
    category: str | None = Field(default=None, sa_type=Text)
    brand: str | None = Field(default=None, sa_type=Text)
    margin: float | None = Field(default=None, sa_type=AMOUNT)  # of one sale
    stock: int | None = Field(default=None, sa_type=BigInteger)  # pieces; null: not limited
    added: date | None = None  # first day in the catalogue, business time zone
    attributes: str = Field(sa_type=Text)  # JSON object
    created_at: datetime = Field(sa_type=UtcDateTime)
    described_at: datetime = Field(sa_type=UtcDateTime)  # last change


class ImpressionRow(Row, table=True):
    """An item in a list that a customer saw, and what came of it. Rows are never changed, as those of transactions."""

    __tablename__ = "impressions"
    __table_args__ = (
        Index(None, "customer_id", "time"),
        Index(
            "uq_impressions_query_id_item_id_current",
            "query_id",
            "item_id",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )

    impression_key: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    query_id: str = Field(sa_type=Text)  # one list shown to one customer
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    time: datetime = Field(sa_type=UtcDateTime)
    position: int = Field(sa_type=BigInteger)  # from 1, on top
    item_id: str = Field(sa_type=CUSTOMER_KEY)
    grade: int = Field(sa_type=BigInteger)  # 0 impression, 1 click, 2 cart, 3 checkout, 4 purchase
    propensity: float | None = None  # of the item at this position given those above
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    row_hash: int = Field(sa_type=BigInteger)
    import_id: int | None = Field(default=None, sa_type=BigInteger)


ITEMS = core(ItemRow)
IMPRESSIONS = core(ImpressionRow)
