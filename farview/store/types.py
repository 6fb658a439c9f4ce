"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Float, Integer, Numeric, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
AMOUNT_DECIMALS = 6
AMOUNT_DIGITS = 18
AMOUNT_BELOW = 10 ** (AMOUNT_DIGITS - AMOUNT_DECIMALS)


class UtcDateTime(TypeDecorator[datetime]):
    """A UTC instant, timezone-aware in Python on both databases.

    PostgreSQL keeps `timestamptz`. SQLite has no such type and its driver would drop the offset, so it keeps
    microseconds since 1970 as an integer: 8 bytes, ordered, and read into Arrow without parsing text.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """BIGINT on SQLite, `timestamp with time zone` elsewhere."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses naive times: which zone they mean is decided at the edge, not here."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return microseconds(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return EPOCH + value * MICROSECOND
        instant: datetime = value
        return instant.astimezone(UTC)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (instant - EPOCH) // MICROSECOND


KEY = BigInteger().with_variant(Integer(), "sqlite")
"""Surrogate keys. SQLite numbers rows by itself only for a column declared INTEGER."""

CUSTOMER_KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""Customer ids, compared by bytes on both databases: the same order on both, and cheaper to index than a language's."""

AMOUNT = Numeric(AMOUNT_DIGITS, AMOUNT_DECIMALS, asdecimal=False).with_variant(Float(), "sqlite")
"""Money: exact decimals in PostgreSQL; in SQLite the nearest double, which gives back the same 6 decimals below 9e9."""
