"""The DuckDB query that converts and checks a file's columns."""

from collections.abc import Mapping
from datetime import datetime

from farview.core import columns as c
from farview.store import row_hash
from farview.store.values import Business
from jobs.import_rejects import Problem

COLUMNS = (c.CUSTOMER_ID, c.TIME, c.AMOUNT, "transaction_id", "ingested_at", "currency")


def checked_rows(source: str, texts: Mapping[str, str | None], decimal: str, business: Business, now: datetime) -> str:
    """SQL for batches.TRANSACTION_BATCH with `ordinal`, `problem` (0: good) and each column's text as it stands.

    Args:
        source: SQL of the table that is read.
        texts: SQL of the column behind each of COLUMNS; None where the file has none.
        decimal: decimal mark of the amounts.
        business: its currency is the only one accepted; its zone is the session's.
        now: nothing may lie after it.
    """
    raw = ", ".join(f"CAST({texts[name] or 'NULL'} AS VARCHAR) AS {name}_text" for name in COLUMNS)
    hashed = row_hash.sql(
        "customer_id", "epoch_us(time)", "CAST(amount * 1000000 AS BIGINT)", "currency", "transaction_id"
    )
    return f"""
        WITH texts AS (
            SELECT row_number() OVER () AS ordinal, {raw} FROM {source}
        ), typed AS (
            SELECT *,
                nullif(trim(customer_id_text), '') AS customer_id,
                {_instant("time_text")} AS time,
                {_amount(decimal)} AS amount,
                nullif(trim(transaction_id_text), '') AS transaction_id,
                {_instant("ingested_at_text")} AS ingested_at,
                coalesce(nullif(upper(trim(currency_text)), ''), {literal(business.reporting_currency)}) AS currency
            FROM texts
        )
        SELECT *, {_problem(business, now)} AS problem, {hashed} AS row_hash FROM typed
    """


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _instant(text: str) -> str:
    """ISO 8601 or YYYYMMDD. A date is the beginning of its day; without an offset the session's zone is meant."""
    trimmed = f"trim({text})"
    compact = f"CASE WHEN length({trimmed}) = 8 THEN try_strptime({trimmed}, '%Y%m%d') END"
    return f"coalesce(try_cast({trimmed} AS TIMESTAMPTZ), CAST({compact} AS TIMESTAMPTZ))"


def _amount(decimal: str) -> str:
    """A point that is no decimal mark would be read as one, and DuckDB takes 1_000 for a number."""
    number, other = ("trim(amount_text)", "_") if decimal == "." else ("replace(trim(amount_text), ',', '.')", ".")
    return f"CASE WHEN NOT contains(amount_text, '{other}') THEN try_cast({number} AS DECIMAL(18, 6)) END"


def _problem(business: Business, now: datetime) -> str:
    end = f"TIMESTAMPTZ {literal(now.isoformat())}"
    checks = {
        Problem.CUSTOMER_EMPTY: "customer_id IS NULL",
        Problem.CUSTOMER_NUL: "contains(customer_id, chr(0))",
        Problem.TIME_EMPTY: "coalesce(trim(time_text), '') = ''",
        Problem.TIME_UNREADABLE: "NOT coalesce(isfinite(time), false)",
        Problem.TIME_FUTURE: f"time > {end}",
        Problem.TIME_ANCIENT: "time < TIMESTAMPTZ '1900-01-01 00:00:00+00'",
        Problem.AMOUNT_EMPTY: "coalesce(trim(amount_text), '') = ''",
        Problem.AMOUNT_UNREADABLE: "amount IS NULL",
        Problem.CURRENCY_OTHER: f"currency <> {literal(business.reporting_currency)}",
        Problem.INGESTED_UNREADABLE: "trim(ingested_at_text) <> '' AND NOT coalesce(isfinite(ingested_at), false)",
        Problem.INGESTED_FUTURE: f"ingested_at > {end}",
        Problem.ID_NUL: "contains(transaction_id, chr(0))",
    }
    return "CASE " + " ".join(f"WHEN {check} THEN {int(problem)}" for problem, check in checks.items()) + " ELSE 0 END"
