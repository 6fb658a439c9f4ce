"""Columns as files of several kinds have them: identifiers, times, amounts, numbers."""

from farview.core import columns as c
from farview.core.rates import CURRENCY, OLDEST_RATE_DAYS
from jobs.import_kinds.description import Check, Column

EMPTY = "is empty"
NUL = "contains a NUL character (is the file UTF-8?)"
_NOT_A_NUMBER = '"{text}" is not a number'


def identifier(name: str, option: str, about: str) -> Column:
    """A text that every row has."""
    return text(name, option, about, Check(f"{name} IS NULL", EMPTY), required=True)


def text(name: str, option: str, about: str, *checks: Check, required: bool = False) -> Column:
    """A text without the blanks around it; null where nothing is left."""
    nul = Check(f"contains({name}, chr(0))", NUL)
    return Column(name, option, about, f"nullif(trim({name}_text), '')", (*checks, nul), required)


def row_id(name: str) -> Column:
    """The row's own id, where the file has one."""
    about = "Unique for ever: a row sent again is a no-op, a changed one a correction."
    return text(name, f"--{name.replace('_', '-')}-column", about)


def instant(name: str, option: str, about: str, *, required: bool = True) -> Column:
    """A time that is over."""
    missing = (Check(f"coalesce(trim({name}_text), '') = ''", EMPTY),) if required else ()
    checks = (
        *missing,
        Check(
            f"trim({name}_text) <> '' AND NOT coalesce(isfinite({name}), false)",
            '"{text}" is not a time (write 1997-09-30 or 1997-09-30T14:05:00+02:00)',
        ),
        Check(
            f"{name} > getvariable('now')",
            '"{text}" lies in the future (is the year or the order of day and month wrong?)',
        ),
        Check(
            f"{name} < TIMESTAMPTZ '1900-01-01 00:00:00+00'",
            '"{text}" lies before 1900 (is the year written with four digits?)',
        ),
    )
    return Column(name, option, about, f"instant({name}_text)", checks, required)


def time(about: str) -> Column:
    """When the row's event was."""
    return instant(c.TIME, "--time-column", f"{about}: a date or a time; without an offset it is business time.")


def ingested_at() -> Column:
    """When the row became known, where the file tells."""
    return instant("ingested_at", "--ingested-at-column", "When it became known; else now.", required=False)


def amount(name: str, option: str, about: str, *checks: Check, required: bool = False) -> Column:
    """An amount of money; in the reporting currency, unless the row names another."""
    wrong = f"money({name}_text) IS NULL AND trim({name}_text) <> ''"
    missing = (Check(f"coalesce(trim({name}_text), '') = ''", EMPTY),) if required else ()
    large = Check(f"{wrong} AND abs(real_number({name}_text)) >= 1e12", '"{text}" is not a number below 10^12')
    own = (*missing, large, *not_a_number(name, wrong), *checks)
    return Column(name, option, about, f"money({name}_text)", own, required, decimal=True)


def propensity(about: str) -> Column:
    """A probability that was logged."""
    name = c.PROPENSITY
    checks = (
        *not_a_number(name, f"{name} IS NULL AND trim({name}_text) <> ''"),
        Check(f"NOT ({name} > 0 AND {name} <= 1)", '"{text}" is not above 0 and at most 1'),
    )
    return Column(name, "--propensity-column", about, f"real_number({name}_text)", checks, required=False, decimal=True)


def whole(name: str, option: str, about: str, least: int, *, required: bool) -> Column:
    """A whole number that is at least `least`."""
    missing = (Check(f"coalesce(trim({name}_text), '') = ''", EMPTY),) if required else ()
    wrong = Check(f"{name} IS NULL AND trim({name}_text) <> ''", '"{text}" is not a whole number')
    small = Check(f"{name} < {least}", f'"{{text}}" is below {least}')
    return Column(name, option, about, f"whole_number({name}_text)", (*missing, wrong, small), required)


def currency() -> Column:
    """The currency of the row's amount, which the kind's `converted` names."""
    return Column(
        "currency",
        "--currency-column",
        "ISO 4217 code; another than the reporting currency needs rates.",
        "coalesce(nullif(upper(trim(currency_text)), ''), getvariable('currency'))",
        (
            Check(
                f"original_currency IS NOT NULL AND NOT regexp_full_match(original_currency, '{CURRENCY}')",
                '"{text}" is not an ISO 4217 code like {currency}',
            ),
            Check(
                "original_currency IS NOT NULL AND rate IS NULL",
                '"{text}" is not the reporting currency {currency}, and there is no rate of that day or the '
                f"{OLDEST_RATE_DAYS} days before it (farview import rates FILE)",
            ),
            Check(
                "original_currency IS NOT NULL AND converted IS NULL",
                '"{text}" makes an amount of 10^12 or more in {currency}',
            ),
        ),
        required=False,
    )


def not_a_number(name: str, wrong: str) -> tuple[Check, ...]:
    """A cell that is no number, with the mend where the decimal mark may be the reason."""
    comma = f"{wrong} AND getvariable('decimal') = '.' AND contains({name}_text, ',')"
    point = f"{wrong} AND getvariable('decimal') = ',' AND contains({name}_text, '.')"
    return (
        Check(comma, f"{_NOT_A_NUMBER} (is the decimal mark a comma? try --decimal ,)"),
        Check(point, f"{_NOT_A_NUMBER} (is the decimal mark a point? try --decimal .)"),
        Check(wrong, _NOT_A_NUMBER),
    )
