"""A touchpoint file as a log in memory: good rows are taken, the first bad one is told."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.features.journey_log import CONVERSION

LOG = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.TIME, pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field(c.INTERACTION, pa.string(), nullable=False),
        pa.field(c.CHANNEL, pa.string()),  # null only for conversions
        pa.field(c.CONVERSION_VALUE, pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class TouchpointColumns:
    """What the columns of a file are called."""

    customer: str = c.CUSTOMER_ID
    time: str = c.TIME
    interaction: str = c.INTERACTION
    channel: str = c.CHANNEL
    value: str = c.CONVERSION_VALUE  # read where the file has it


@dataclass(frozen=True, slots=True)
class FileLog:
    """What a file held."""

    log: pa.Table  # LOG, in the order of the file
    rejected_rows: int
    first_reject: str | None  # where and why


def read_touchpoints(path: Path, columns: TouchpointColumns, zone: str) -> FileLog:
    """All good rows of a CSV, CSV.gz or Parquet file.

    Args:
        path: of the file.
        columns: what it calls its columns.
        zone: IANA zone of times that name no offset.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, the zone is unknown, or no row is good.
    """
    zone_of(zone)
    if not path.is_file():
        raise InvalidInput.of(str(path), "no such file")
    parquet = path.name.lower().endswith(".parquet")
    source = f"read_parquet({_text(str(path))})" if parquet else f"read_csv({_text(str(path))}, all_varchar = true)"
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = {_text(zone)}")  # in which times without an offset are read
        try:
            names = [str(row[0]) for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
            rows = connection.sql(_query(source, _found(path, columns, names))).to_arrow_table()
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise InvalidInput.of(str(path), f"cannot be read as a table ({reason})") from None
    return _checked(path, rows, first_line=1 if parquet else 2)


def read_attributes(path: Path, customer_column: str, names: list[str]) -> tuple[pa.Table, list[str]]:
    """Attributes of customers, one row each, as customer_id and those columns; a file's types are as DuckDB reads them.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, or a customer has several rows.
    """
    if not path.is_file():
        raise InvalidInput.of(str(path), "no such file")
    source = (
        f"read_parquet({_text(str(path))})"
        if path.name.lower().endswith(".parquet")
        else f"read_csv({_text(str(path))})"
    )
    with duckdb.connect() as connection:
        try:
            header = [str(row[0]) for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
            for name in (customer_column, *names):
                if name not in header:
                    raise InvalidInput.of(str(path), f"no column {name!r}; it has {', '.join(header)}")
            chosen = ", ".join(_name(name) for name in names)
            table = connection.sql(
                f"SELECT {_name(customer_column)}::VARCHAR AS {c.CUSTOMER_ID}, {chosen} FROM {source}"
            ).to_arrow_table()
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise InvalidInput.of(str(path), f"cannot be read as a table ({reason})") from None
    if pc.count_distinct(table[c.CUSTOMER_ID]).as_py() != len(table):
        raise InvalidInput.of(str(path), f"has several rows of one customer in {customer_column!r}")
    return table, names


def _checked(path: Path, rows: pa.Table, first_line: int) -> FileLog:
    bad = rows.filter(pc.is_valid(rows["problem"]))
    log = rows.filter(pc.is_null(rows["problem"])).select(LOG.names).cast(LOG)
    first = None
    if len(bad):
        unit = "row" if first_line == 1 else "line"
        first = f"{unit} {bad['ordinal'][0].as_py() - 1 + first_line}: {bad['problem'][0].as_py()}"
    if len(log) == 0:
        why = f"; rejected rows: {len(bad):,}, the first at {first}" if first else ""
        raise InvalidInput.of(str(path), f"holds no usable touchpoint{why}")
    return FileLog(log, len(bad), first)


def _found(path: Path, columns: TouchpointColumns, names: list[str]) -> dict[str, str | None]:
    """The file's name of each of our columns."""
    wanted = {
        c.CUSTOMER_ID: columns.customer,
        c.TIME: columns.time,
        c.INTERACTION: columns.interaction,
        c.CHANNEL: columns.channel,
    }
    for ours, theirs in wanted.items():
        if theirs not in names:
            option = f"--{'customer' if ours == c.CUSTOMER_ID else ours}-column"
            raise InvalidInput.of(str(path), f"no column {theirs!r}; it has {', '.join(names)} (name it with {option})")
    return {**wanted, c.CONVERSION_VALUE: columns.value if columns.value in names else None}


def _query(source: str, found: dict[str, str | None]) -> str:
    """SQL for LOG with `ordinal` and `problem`, null for a good row."""
    raw = ", ".join(
        f"{'NULL' if theirs is None else _name(theirs)}::VARCHAR AS {ours}_text" for ours, theirs in found.items()
    )
    now = datetime.now(UTC).isoformat()
    return f"""
        WITH texts AS (
            SELECT row_number() OVER () AS ordinal, {raw} FROM {source}
        ), typed AS (
            SELECT *,
                nullif(trim(customer_id_text), '') AS customer_id,
                try_cast(trim(time_text) AS TIMESTAMPTZ) AS time,
                CASE WHEN lower(trim(interaction_text)) = '{CONVERSION}' THEN '{CONVERSION}'
                     ELSE nullif(trim(interaction_text), '') END AS interaction,
                nullif(trim(channel_text), '') AS channel,
                try_cast(nullif(trim(conversion_value_text), '') AS DOUBLE) AS conversion_value
            FROM texts
        )
        SELECT *, CASE
            WHEN customer_id IS NULL THEN 'the customer is empty'
            WHEN NOT coalesce(isfinite(time), false)
                THEN 'time "' || coalesce(time_text, '') || '" is not a time (write 2025-03-31T14:05:00Z)'
            WHEN time > TIMESTAMPTZ '{now}' THEN 'time "' || time_text || '" lies in the future'
            WHEN interaction IS NULL THEN 'the interaction is empty'
            WHEN channel IS NULL AND interaction <> '{CONVERSION}' THEN 'the channel of a touch is empty'
            WHEN conversion_value IS NULL AND trim(conversion_value_text) <> ''
                THEN 'conversion_value "' || conversion_value_text || '" is not a number'
        END AS problem
        FROM typed ORDER BY ordinal
    """


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
