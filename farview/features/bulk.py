"""The ground of bulk features: Ibis expressions over an event log, run by DuckDB as a stream.

Ibis compiles, DuckDB's own connection runs: the DuckDB backend of Ibis 12 calls methods that DuckDB 2 has dropped.
"""

import tempfile
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa

from farview.core import columns as c
from farview.core import schemas

STEPS_PER_UNIT = 1e8  # amounts are summed as whole steps of 1e-8 currency units: exact in any order of rows or threads


def local_day(instant: Any, zone: str) -> Any:
    """Ibis expression of the calendar day of a UTC instant in an IANA zone."""
    import ibis

    @ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp('UTC')"), "timestamp"))
    def local_time(zone: str, instant: object) -> object:
        """Wall-clock time; Ibis has no zone conversion of its own (a cast keeps the session's zone)."""

    return local_time(zone, instant).date()


def events_by_day(zone: str, through: date) -> Any:
    """Ibis expression of the log named `events` up to a day, with columns `day` and `steps` (the amount in steps)."""
    import ibis  # 0.4 s, which a process that only serves single customers need not pay

    events = ibis.table(ibis.Schema.from_pyarrow(schemas.EVENTS), name="events")
    steps = (events[c.AMOUNT] * STEPS_PER_UNIT).cast("decimal(38, 0)")
    return events.mutate(day=local_day(events[c.TIME], zone), steps=steps).filter(
        lambda t: t.day <= ibis.literal(through)
    )


def units(steps: Any) -> Any:
    """Ibis expression of whole steps as currency units."""
    return steps.cast("float64") / STEPS_PER_UNIT


def run(
    expression: Any,
    events: pa.Table | pa.RecordBatchReader,
    schema: pa.Schema,
    *,
    batch_rows: int = 65_536,
    memory: str = "1GB",
) -> pa.RecordBatchReader:
    """Runs an expression over `events` and streams its rows.

    Args:
        expression: Ibis table expression over `events_by_day`.
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream.
        schema: of the result.
        batch_rows: most rows of a batch that comes out.
        memory: most memory the query takes before it spills to a temporary folder.
    """
    import ibis

    sql = str(ibis.to_sql(expression, dialect="duckdb"))
    return pa.RecordBatchReader.from_batches(schema, _batches(sql, events, schema, batch_rows, memory))


def _batches(
    sql: str, events: pa.Table | pa.RecordBatchReader, schema: pa.Schema, batch_rows: int, memory: str
) -> Iterator[pa.RecordBatch]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="farview-") as spill, duckdb.connect() as connection:
        settings = {"timezone": "UTC", "memory_limit": memory, "temp_directory": spill}
        for name, value in settings.items():
            connection.execute(f"set {name} = '{value}'")
        connection.execute("set enable_progress_bar = false")  # it would be printed amid what a command answers
        connection.register("events", events)
        for batch in connection.sql(sql).to_arrow_reader(batch_rows):
            yield batch.cast(schema)
