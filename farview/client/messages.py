"""Python's values as messages of the contract."""

import uuid
from datetime import date, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from farview.client.values import Purchase


def request_id(given: str) -> str:
    """The caller's id of a write, or a new one."""
    return given or uuid.uuid4().hex


def day(when: date) -> Date:
    """A calendar day."""
    return Date(year=when.year, month=when.month, day=when.day)


def timestamp(time: datetime) -> Timestamp:
    """An instant.

    Raises:
        ValueError: it has no time zone.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone")
    message = Timestamp()
    message.FromDatetime(time)
    return message


def money(purchase: Purchase) -> Money:
    """A purchase's amount, exactly."""
    return money_of(purchase.amount, purchase.currency)


def money_of(amount: Decimal, currency: str) -> Money:
    """An amount, exactly."""
    nanos = int(amount.scaleb(9).to_integral_exact())
    units = abs(nanos) // 10**9 * (1 if nanos >= 0 else -1)
    return Money(currency_code=currency, units=units, nanos=nanos - units * 10**9)
