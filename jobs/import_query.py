"""The DuckDB query that reads and checks a file's columns, and the session it needs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import available_timezones

import duckdb
import pyarrow as pa

from farview.core.rates import OLDEST_RATE_DAYS, RATE_BELOW, RATE_DECIMALS
from farview.store import row_hash
from farview.store.values import Business
from jobs.import_kinds.description import Check, Column, Kind

_NUMBER = r"[+-]?((0|[1-9][0-9]{0,14})([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"


def prepare(
    connection: duckdb.DuckDBPyConnection, business: Business, decimal: str, rates: pa.Table, now: datetime
) -> None:
    """Gives a session the zone, the macros and the variables that descriptions of kinds use.

    Args:
        connection: of the session.
        business: times without an offset and dates are of its zone.
        decimal: decimal mark of all numbers.
        rates: farview.store.batches.RATES.
        now: no event may lie after it.
    """
    connection.execute(f"SET TimeZone = {literal(business.time_zone)}")  # casts to TIMESTAMPTZ read in this zone
    connection.execute(f"SET VARIABLE now = TIMESTAMPTZ {literal(now.isoformat())}")
    connection.execute(f"SET VARIABLE decimal = {literal(decimal)}")
    connection.execute(f"SET VARIABLE currency = {literal(business.reporting_currency)}")
    # "localtime" is whatever the machine is set to.
    zones = ", ".join(literal(name) for name in sorted(available_timezones() - {"localtime"}))
    connection.execute(f"CREATE TEMP TYPE iana AS ENUM ({zones})")
    for macro, meaning in _macros(decimal).items():
        connection.execute(f"CREATE TEMP MACRO {macro} AS {meaning}")
    # Joins look up a few keys for many rows; the other way round they would lose the order of the file.
    connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
    connection.register("given_rates", rates)
    connection.execute(f"CREATE TEMP TABLE rate_of_day AS {_RATE_OF_DAY}")


def checked_rows(source: str, kind: Kind, columns: Sequence[Column], texts: Mapping[str, str], repeated: str) -> str:
    """SQL for a kind's batch with `ordinal`, `problem` (0: good, else a number of `checks`) and each column's text.

    Args:
        source: SQL of the table that is read.
        kind: of the file.
        columns: all that are read, those of the kind and after them those of attributes.
        texts: SQL of the column behind each of them that the file has.
        repeated: table of (key, first), the values of `kind.once` that stand in the file again after that ordinal.
    """
    raw = ", ".join(f"CAST({texts.get(column.name, 'NULL')} AS VARCHAR) AS {column.name}_text" for column in columns)
    read = ", ".join(f"{column.read} AS {column.name}" for column in columns)
    extra = []
    if kind.attributes:
        extra.append(f"{_json_object(columns[len(kind.columns) :])} AS attributes")
    if kind.name in row_hash.CONTENT:
        extra.append(f"{row_hash.sql(kind.name)} AS row_hash")
    again = "" if kind.once is None else f"LEFT JOIN {repeated} AS repeated ON repeated.key = {kind.once}"
    return f"""
        WITH texts AS (
            SELECT row_number() OVER () AS ordinal, {raw} FROM {source}
        ), typed AS (
            SELECT *, {read} FROM texts
        ), priced AS (
            {_priced(kind, has_currency="currency" in texts)}
        )
        SELECT {", ".join(["priced.*", f"{_problem(kind, columns)} AS problem", *extra])} FROM priced {again}
    """


def repeated_keys(source: str, text: str) -> str:
    """SQL of (key, first): each value that stands in a column more than once, and the ordinal of its first row."""
    return f"""
        SELECT nullif(trim(CAST(text AS VARCHAR)), '') AS key, min(ordinal) AS first
        FROM (SELECT row_number() OVER () AS ordinal, {text} AS text FROM {source})
        GROUP BY key HAVING count(*) > 1 AND key IS NOT NULL
    """


def checks(kind: Kind, columns: Sequence[Column]) -> list[tuple[Column, Check]]:
    """Everything that can be wrong with a row; problem n is the n-th, from 1."""
    found = [(column, check) for column in columns for check in column.checks]
    if kind.once is not None:
        key = next(column for column in columns if column.name == kind.once)
        found.append((key, Check("ordinal > repeated.first", '"{text}" stands in the file before')))
    return found


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


_RATE = f"DECIMAL({RATE_DECIMALS + len(str(RATE_BELOW)) - 1}, {RATE_DECIMALS})"
_RATE_OF_DAY = f"""
    SELECT currency, CAST(rate AS {_RATE}) AS rate, CAST(unnest(range(date, until, INTERVAL 1 DAY)) AS DATE) AS day
    FROM (
        SELECT *, least(lead(date, 1, DATE '9999-12-31') OVER each_one, date + {OLDEST_RATE_DAYS + 1}) AS until
        FROM given_rates WINDOW each_one AS (PARTITION BY currency ORDER BY date)
    )
"""
"""SQL of what a currency was worth on each day that has a rate, its own or an older one."""


def _priced(kind: Kind, *, has_currency: bool) -> str:
    """SQL of the typed rows with the kind's amount in the reporting currency, and beside it as it was sent."""
    if kind.converted is None:
        return "SELECT * FROM typed"
    amount, original = kind.converted
    if not has_currency:
        return f"SELECT *, NULL AS {original}, NULL AS original_currency, NULL AS rate, NULL AS converted FROM typed"
    return f"""
        SELECT valued.* REPLACE (
                if(original_currency IS NULL, {amount}, converted) AS {amount},
                getvariable('currency') AS currency
            )
        FROM (
            SELECT marked.*, rate_of_day.rate,
                try_cast(CAST({original} AS DECIMAL(20, 6)) * rate_of_day.rate AS DECIMAL(18, 6)) AS converted
            FROM (
                SELECT *,
                    if({amount} IS NOT NULL AND currency <> getvariable('currency'), currency, NULL)
                        AS original_currency,
                    if(original_currency IS NULL, NULL, {amount}) AS {original}
                FROM typed
            ) AS marked
            LEFT JOIN rate_of_day
                ON rate_of_day.currency = original_currency AND rate_of_day.day = CAST(time AS DATE)
        ) AS valued
    """


def _problem(kind: Kind, columns: Sequence[Column]) -> str:
    whens = (f"WHEN {check.fails} THEN {n}" for n, (_, check) in enumerate(checks(kind, columns), start=1))
    return f"CASE {' '.join(whens)} ELSE 0 END"


def _json_object(fields: Sequence[Column]) -> str:
    """A JSON object of the fields, which are read as `"name": value` or null."""
    return f"'{{' || concat_ws(', ', {', '.join(['NULL', *(field.name for field in fields)])}) || '}}'"


def _macros(decimal: str) -> dict[str, str]:
    # A point that is no decimal mark would be read as one, and DuckDB takes 1_000 for a number.
    other, point = ("_", "trim(t)") if decimal == "." else (".", "replace(trim(t), ',', '.')")
    number = f"CASE WHEN NOT contains(t, '_') AND NOT contains(t, {literal(other)}) THEN {point} END"
    double = f"try_cast({number} AS DOUBLE)"
    compact = "CASE WHEN length(trim(t)) = 8 THEN try_strptime(trim(t), '%Y%m%d') END"
    return {
        # ISO 8601 or YYYYMMDD. A date is the beginning of its day; without an offset the session's zone is meant.
        "instant(t)": f"coalesce(try_cast(trim(t) AS TIMESTAMPTZ), CAST({compact} AS TIMESTAMPTZ))",
        "money(t)": f"try_cast({number} AS DECIMAL(18, 6))",
        "real_number(t)": f"CASE WHEN isfinite({double}) THEN {double} END",
        # A cast would round 3.7; spreadsheets write whole numbers beside empty cells as 3.0.
        "whole_number(t)": "CASE WHEN regexp_full_match(trim(t), '[+-]?[0-9]{1,18}([.]0*)?') "
        "THEN CAST(split_part(trim(t), '.', 1) AS BIGINT) END",
        # 007 and figures of more than 15 digits are names of something: as numbers they would be others.
        "is_number(t)": f"coalesce(regexp_full_match({number}, {literal(_NUMBER)}) AND isfinite({double}), false)",
        "truth(t)": "CASE WHEN lower(trim(t)) IN ('true', 'yes', '1') THEN true "
        "WHEN lower(trim(t)) IN ('false', 'no', '0') THEN false END",
        "is_truth(t)": "lower(trim(t)) IN ('true', 'false')",
        "iana_zone(t)": "CAST(try_cast(trim(t) AS iana) AS VARCHAR)",
        # One text for one number, so that 34 and 34.0 are the same attribute.
        "json_number(d)": "CASE WHEN d = trunc(d) AND abs(d) < 1e15 THEN CAST(CAST(d AS BIGINT) AS VARCHAR) "
        "WHEN isfinite(d) THEN to_json(d) END",
    }
