"""Rules that fields of several requests share."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, money_pb2
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from farview.core.rates import CURRENCY
from server.convert.parse import Parsed

MAX_ID_LENGTH = 256
MAX_REQUEST_ID_LENGTH = 128
MAX_SEED = 2**63 - 1
MAX_AMOUNT = 9_000_000_000  # SQLite keeps 6 decimals exactly up to here
NANOS_STEP = 1_000  # 6 decimals
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LEEWAY = timedelta(hours=24)  # between the clocks of callers and ours


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules need to know beyond the request."""

    reporting_currency: str
    now: datetime


def surroundings(info: ValidationInfo) -> Surroundings:
    """What `parse` was given as the context."""
    assert isinstance(info.context, Surroundings)
    return info.context


def storable(text: str) -> str:
    """Refuses the one character that PostgreSQL's text cannot hold."""
    if "\0" in text:
        raise ValueError("contains the character U+0000, which cannot be stored")
    return text


def distinct(values: Sequence[Hashable]) -> Sequence[Hashable]:
    """Refuses a value that is named twice."""
    seen: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if value in seen:
            raise ValueError(f"names {value!r} twice, at [{seen[value]}] and [{index}]; name it once")
        seen[value] = index
    return values


def counted(least: int, most: int) -> BeforeValidator:
    """A rule for the length of a list, before its elements are looked at: a list far too long costs nothing."""

    def check(values: Sequence[object]) -> Sequence[object]:
        if len(values) < least:
            raise ValueError(f"is empty; at least {least} is needed")
        if len(values) > most:
            raise ValueError(f"has {len(values):,} elements; at most {most:,} (split the call)")
        return values

    return BeforeValidator(check)


def known_value(kind: EnumTypeWrapper) -> AfterValidator:
    """A rule for an enum: a value that this server does not know is refused, not ignored."""

    def check(number: int) -> int:
        if number not in kind.values():
            raise ValueError(f"is {number}, which this server does not know; known: {', '.join(kind.keys()[1:])}")
        return number

    return AfterValidator(check)


def to_date(message: date_pb2.Date | None) -> date | None:
    """A whole calendar day; None stays None."""
    if message is None:
        return None
    try:
        return date(message.year, message.month, message.day)
    except (ValueError, OverflowError):
        raise ValueError(f"{message.year}-{message.month}-{message.day} is not a calendar day") from None


def to_instant(message: Timestamp | None) -> datetime:
    """An instant to the microsecond, from 1970."""
    if message is None:
        raise ValueError("is not set; it must be said when this happened")
    if not 0 <= message.nanos < 1_000_000_000:
        raise ValueError(f"has {message.nanos} nanos; they must be from 0 to 999,999,999")
    try:
        instant = EARLIEST + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)
    except OverflowError:
        raise ValueError(f"{message.seconds} seconds since 1970 is not a time (are these milliseconds?)") from None
    if instant < EARLIEST:
        raise ValueError(f"{instant.isoformat()} is before 1970")
    return instant


def not_in_the_future(time: datetime, info: ValidationInfo) -> datetime:
    """Refuses what lies further ahead than clocks may differ."""
    if time > surroundings(info).now + LEEWAY:
        raise ValueError(f"{time.isoformat()} is more than 24 hours after the server's clock (is it milliseconds?)")
    return time


class RecordedAmount(Parsed):
    """An exact amount of any currency."""

    currency_code: str
    units: int
    nanos: int

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: money_pb2.Money | None) -> dict[str, Any]:
        if message is None:
            raise ValueError("is not set; zero must be said")
        return {"currency_code": message.currency_code, "units": message.units, "nanos": message.nanos}

    @field_validator("currency_code")
    @classmethod
    def _currency(cls, code: str, info: ValidationInfo) -> str:
        if not re.fullmatch(CURRENCY, code):
            expected = surroundings(info).reporting_currency
            raise ValueError(f"is {code!r}, which is not an ISO 4217 code like {expected}")
        return code

    @field_validator("units")
    @classmethod
    def _exact_in_the_store(cls, units: int) -> int:
        if abs(units) >= MAX_AMOUNT:
            raise ValueError(f"is {units:,}; amounts must lie between -{MAX_AMOUNT:,} and {MAX_AMOUNT:,}")
        return units

    @field_validator("nanos")
    @classmethod
    def _six_decimals(cls, nanos: int, info: ValidationInfo) -> int:
        if abs(nanos) >= 1_000_000_000:
            raise ValueError(f"is {nanos:,}; it must lie between -999,999,999 and 999,999,999")
        if nanos % NANOS_STEP:
            raise ValueError(f"is {nanos:,}; amounts have at most 6 decimals (a multiple of {NANOS_STEP:,})")
        if nanos * info.data.get("units", 0) < 0:
            raise ValueError(f"is {nanos:,} with units {info.data['units']:,}; both must have the same sign")
        return nanos

    @property
    def value(self) -> Decimal:
        """The amount, exactly."""
        return Decimal(self.units) + Decimal(self.nanos).scaleb(-9)


class Amount(RecordedAmount):
    """An exact amount of the reporting currency."""

    @field_validator("currency_code")
    @classmethod
    def _currency(cls, code: str, info: ValidationInfo) -> str:
        expected = surroundings(info).reporting_currency
        if code != expected:
            raise ValueError(f"is {code!r}; this database reports in {expected} and takes no other currency here")
        return code


def plain_name(text: str) -> str:
    """Refuses what cannot stand in a URL or a file's name without care."""
    if not all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in text):
        raise ValueError(f"is {text!r}; only lower-case letters, digits and hyphens are allowed")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(plain_name)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH), AfterValidator(storable)]
OptionalId = Annotated[str, StringConstraints(max_length=MAX_ID_LENGTH), AfterValidator(storable)]
RequestId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_REQUEST_ID_LENGTH), AfterValidator(storable)]
Day = Annotated[date | None, BeforeValidator(to_date)]
Instant = Annotated[datetime, BeforeValidator(to_instant)]
EventTime = Annotated[Instant, AfterValidator(not_in_the_future)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Distinct = AfterValidator(distinct)
