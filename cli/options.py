"""Options that several commands share, so that they read and behave the same everywhere."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from farview.core.errors import InvalidInput

Database = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="FARVIEW_DATABASE_URL",
        help="sqlite:///PATH, or postgresql+psycopg:// and USER:PASSWORD@HOST/NAME after it.",
        show_default=True,
    ),
]
DEFAULT_DATABASE = "sqlite:///farview.db"

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Last day whose events are seen. Default: the last event's day."),
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at", metavar="TIME", help="Use only what had been imported by this UTC instant. Default: now."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
Why = Annotated[str, typer.Option("--why", help="A reason, for the lineage and the audit log.")]
WindowDays = Annotated[float, typer.Option("--window-days", min=0.01, help="How long a touch may take to convert.")]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        metavar="NAME",
        help="An attribute of customers that a network may use; may be given several times. Default: all there are.",
    ),
]
CustomerColumn = Annotated[str, typer.Option("--customer-column")]
TimeColumn = Annotated[str, typer.Option("--time-column")]
TimeZone = Annotated[str, typer.Option("--time-zone", help="IANA zone of days, and of times that name no offset.")]
JsonOut = Annotated[
    str | None, typer.Option("--json", metavar="OUT", help="Write the figures as JSON; - prints them instead.")
]
File = Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet.", show_default=False)]


def parse_date(option: str, text: str | None) -> date | None:
    """The day written as YYYY-MM-DD.

    Raises:
        InvalidInput: the text is not such a day, or not one of a business.
    """
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of(option, f"{text!r} is not a date (write it as 1997-09-30)") from None
    if not 1900 <= day.year < 2200:
        raise InvalidInput.of(option, f"{text!r} is not between 1900 and 2199 (is the year written right?)")
    return day


def parse_counts(option: str, texts: Sequence[str]) -> dict[str, int]:
    """Whole numbers by name, each written NAME=N.

    Raises:
        InvalidInput: a text is not so written, or names something twice.
    """
    return {name: int(number) for name, number in _by_name(option, texts, str.isdecimal, "email=2").items()}


def parse_amounts(option: str, texts: Sequence[str]) -> dict[str, float]:
    """Amounts of at least 0 by name, each written NAME=AMOUNT.

    Raises:
        InvalidInput: a text is not so written, or names something twice.
    """
    return {name: float(amount) for name, amount in _by_name(option, texts, _is_amount, "email=0.05").items()}


def parse_windows(option: str, texts: Sequence[str]) -> list[tuple[int, float, str | None]]:
    """Caps in rolling windows, each written [CHANNEL=]N/HOURS: most touches, hours, and the channel or None for all.

    Raises:
        InvalidInput: a text is not so written.
    """
    found: list[tuple[int, float, str | None]] = []
    for text in texts:
        name, equals, cap = text.rpartition("=")
        most, slash, hours = cap.partition("/")
        if not (slash and most.isdecimal() and _is_amount(hours) and (name or not equals)):
            raise InvalidInput.of(option, f"{text!r} is not of the form email=2/168 or 1/24")
        found.append((int(most), float(hours), name or None))
    return found


def _by_name(option: str, texts: Sequence[str], good: Callable[[str], bool], example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not (equals and name and good(value)):
            raise InvalidInput.of(option, f"{text!r} is not of the form {example}")
        if name in found:
            raise InvalidInput.of(option, f"names {name!r} twice")
        found[name] = value
    return found


def _is_amount(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII))


def parse_instant(option: str, text: str | None) -> datetime | None:
    """The instant written in ISO 8601 with its offset.

    Raises:
        InvalidInput: the text is not an instant, or names no offset.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of(option, f"{text!r} is not a time (write it as 1997-10-01T02:00:00Z)") from None
    if instant.tzinfo is None:
        raise InvalidInput.of(option, f"{text!r} names no offset from UTC (write it as {text}Z)")
    return instant
