"""The ground of bulk features: Ibis expressions over an event log, run by DuckDB as a stream.

Ibis compiles, DuckDB's own connection runs: the DuckDB backend of Ibis 12 calls methods that DuckDB 2 has dropped. To
compile takes longer than to answer from some thousand events, so an expression is compiled once for all days.
"""

import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import pyarrow as pa

from farview.core import columns as c
from farview.core import schemas

AS_OF = "as_of"  # the day of a query after which nothing is seen
STEPS_PER_UNIT = 1e8  # amounts are summed as whole steps of 1e-8 currency units: exact in any order of rows or threads


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a log."""

    expression: Callable[..., Any]  # of the arguments, to an Ibis table expression over `events_by_day`
    arguments: tuple[Hashable, ...]
    days: Mapping[str, date]  # AS_OF, and what else stands in the expression as `day`

    @property
    def sql(self) -> str:
        """In DuckDB's dialect."""
        return _compiled(self.expression, self.arguments)


@lru_cache(maxsize=128)
def _compiled(expression: Callable[..., Any], arguments: tuple[Hashable, ...]) -> str:
    import ibis

    return str(ibis.to_sql(expression(*arguments), dialect="duckdb"))


def day(name: str) -> Any:
    """Ibis expression of a day of the query: a variable of DuckDB's, so that the SQL is the same for all days."""
    import ibis

    @ibis.udf.scalar.builtin(name="getvariable", signature=(("string",), "date"))
    def variable(called: str) -> object:
        """What the connection has set."""

    return variable(name)


def local_day(instant: Any, zone: str) -> Any:
    """Ibis expression of the calendar day of a UTC instant in an IANA zone."""
    import ibis

    @ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp('UTC')"), "timestamp"))
    def local_time(zone: str, instant: object) -> object:
        """Wall-clock time; Ibis has no zone conversion of its own (a cast keeps the session's zone)."""

    return local_time(zone, instant).date()


def events_by_day(zone: str) -> Any:
    """Ibis expression of the log named `events` up to AS_OF, with columns `day` and `steps` (the amount in steps)."""
    import ibis  # 0.4 s, which a process that only serves single customers need not pay

    events = ibis.table(ibis.Schema.from_pyarrow(schemas.EVENTS), name="events")
    steps = (events[c.AMOUNT] * STEPS_PER_UNIT).cast("decimal(38, 0)")
    return events.mutate(day=local_day(events[c.TIME], zone), steps=steps).filter(lambda t: t.day <= day(AS_OF))


def units(steps: Any) -> Any:
    """Ibis expression of whole steps as currency units."""
    return steps.cast("float64") / STEPS_PER_UNIT


def run(
    query: Query,
    events: pa.Table | pa.RecordBatchReader,
    schema: pa.Schema,
    *,
    batch_rows: int = 65_536,
    memory: str = "1GB",
) -> pa.RecordBatchReader:
    """Runs a query over `events` and streams its rows.

    Args:
        query: what is asked.
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream.
        schema: of the result.
        batch_rows: most rows of a batch that comes out.
        memory: most memory the query takes before it spills to a temporary folder.
    """
    return pa.RecordBatchReader.from_batches(schema, _batches(query, events, schema, batch_rows, memory))


def _batches(
    query: Query, events: pa.Table | pa.RecordBatchReader, schema: pa.Schema, batch_rows: int, memory: str
) -> Iterator[pa.RecordBatch]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="farview-") as spill, duckdb.connect() as connection:
        settings = {"timezone": "UTC", "memory_limit": memory, "temp_directory": spill}
        for name, value in settings.items():
            connection.execute(f"set {name} = '{value}'")
        connection.execute("set enable_progress_bar = false")  # it would be printed amid what a command answers
        for name, named in query.days.items():
            connection.execute(f"set variable {name} = date '{named}'")
        connection.register("events", events)
        for batch in connection.sql(query.sql).to_arrow_reader(batch_rows):
            yield batch.cast(schema)
