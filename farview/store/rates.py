"""Amounts of other currencies in the reporting currency, by the rate of the day.

The day is that of the event in the business zone; the rate is the last one of that day or of the `OLDEST_RATE_DAYS`
before it, so that weekends and holidays need none. A row keeps what was sent beside what it was worth.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from sqlalchemy import Connection, Engine, select

from farview.core import clock
from farview.core.errors import InvalidInput
from farview.core.rates import CURRENCY, OLDEST_RATE_DAYS, RATE_DECIMALS
from farview.store import bulk, row_hash
from farview.store.batches import RATES as SCHEMA
from farview.store.tables import BUSINESS
from farview.store.tables_rates import RATES
from farview.store.types import AMOUNT_BELOW


@dataclass(frozen=True, slots=True)
class Sent:
    """An amount as it was sent."""

    amount: Decimal
    currency: str | None  # None: the reporting currency
    time: datetime  # aware; of the event
    path: str  # of the field, for a refusal


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in the reporting currency."""

    amount: Decimal
    currency: str
    original_amount: Decimal | None = None  # None: it was sent in the reporting currency
    original_currency: str | None = None


def every(engine: Engine) -> pa.Table:
    """See Store.rates."""
    query = select(*(RATES.c[name] for name in SCHEMA.names)).where(RATES.c.superseded_at.is_(None))
    with engine.connect() as connection:
        return bulk.read_table(connection, query.order_by(RATES.c.currency, RATES.c.date), SCHEMA)


def convert(connection: Connection, sent: Sequence[Sent | None]) -> list[Converted | None]:
    """Each amount in the reporting currency, rounded to millionths; None stays None.

    Raises:
        InvalidInput: an amount is too large, or its currency has no rate of its day; names the amount's path.
    """
    reporting, zone_name = connection.execute(select(BUSINESS.c.reporting_currency, BUSINESS.c.time_zone)).one()
    days = clock.zone(zone_name)
    foreign = {
        (one.currency, one.time.astimezone(days).date())
        for one in sent
        if one is not None and one.currency is not None and one.currency != reporting
    }
    known = _known(connection, foreign)

    def converted(one: Sent) -> Converted:
        amount = _millionths(one, one.amount)
        if one.currency is None or one.currency == reporting:
            return Converted(amount, reporting)
        rate = _rate(known.get(one.currency, []), one.time.astimezone(days).date())
        if rate is None:
            raise InvalidInput.of(one.path, _missing(one.currency, reporting))
        return Converted(_millionths(one, amount * rate), reporting, amount, one.currency)

    return [None if one is None else converted(one) for one in sent]


def _missing(currency: str, reporting: str) -> str:
    if not re.fullmatch(CURRENCY, currency):
        return f"{currency!r} is not an ISO 4217 code like {reporting}"
    return (
        f"is in {currency}, which is not the reporting currency {reporting}, and there is no rate of that day or the "
        f"{OLDEST_RATE_DAYS} days before it (farview import rates FILE)"
    )


def _millionths(one: Sent, amount: Decimal) -> Decimal:
    if not amount.is_finite() or abs(amount) >= AMOUNT_BELOW:
        raise InvalidInput.of(one.path, f"{one.amount} is not a number below 10^12")
    return amount.quantize(row_hash.MILLIONTH, row_hash.ROUNDING)


def _known(connection: Connection, wanted: set[tuple[str, date]]) -> dict[str, list[tuple[date, Decimal]]]:
    """Rates in the order of days, of the currencies and about the days that are wanted."""
    found: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    if not wanted:
        return found
    days = [day for _, day in wanted]
    query = select(RATES.c.currency, RATES.c.date, RATES.c.rate).where(
        RATES.c.superseded_at.is_(None),
        RATES.c.currency.in_({currency for currency, _ in wanted}),
        RATES.c.date.between(min(days) - timedelta(days=OLDEST_RATE_DAYS), max(days)),
    )
    for currency, day, rate in connection.execute(query.order_by(RATES.c.currency, RATES.c.date)):
        found[currency].append((day, Decimal(rate).quantize(Decimal(10) ** -RATE_DECIMALS, row_hash.ROUNDING)))
    return found


def _rate(by_day: Sequence[tuple[date, Decimal]], day: date) -> Decimal | None:
    last = bisect_right(by_day, day, key=lambda known: known[0]) - 1
    if last < 0 or day - by_day[last][0] > timedelta(days=OLDEST_RATE_DAYS):
        return None
    return by_day[last][1]
