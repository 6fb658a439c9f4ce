"""Arrow batches into tables, query results into Arrow batches, with as little Python per row as a database allows.

PostgreSQL speaks COPY: binary to write (300,000 forecasts in 3.9 s where CSV took 7.6), CSV to read, which Arrow
parses. SQLite has no bulk protocol: rows are bound one by one inside its driver. ADBC would be faster there, but its
driver carries an SQLite of its own, and two of them in one process undo each other's POSIX locks on a file
(sqlite.org/howtocorrupt.html, section 2.2.1).
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Connection, Select, Table

from farview.store import copy_binary

BATCH_ROWS = 65_536


def insert(connection: Connection, table: str, batch: pa.RecordBatch) -> None:
    """Appends a batch to the columns of the same names, inside the connection's transaction."""
    if batch.num_rows == 0:
        return
    if connection.dialect.name == "postgresql":
        _copy_in(connection, table, batch)
    else:
        _execute_many(connection, table, batch)


def upsert(connection: Connection, table: Table, batch: pa.RecordBatch, keep: Collection[str] = ()) -> None:
    """Appends rows of distinct primary keys; a row whose key is stored takes the place of that row but for `keep`."""
    if batch.num_rows == 0:
        return
    names = batch.schema.names
    keys = [column.name for column in table.primary_key.columns]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {*keys, *keep})
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {replaced}"
    if connection.dialect.name == "postgresql":
        columns, incoming = ", ".join(names), f"incoming_{table.name}"
        connection.exec_driver_sql(f"CREATE TEMP TABLE IF NOT EXISTS {incoming} (LIKE {table.name}) ON COMMIT DROP")
        _copy_in(connection, incoming, batch)
        arrived = f"SELECT {columns} FROM {incoming} ORDER BY {', '.join(keys)}"
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) {arrived} {conflict}")
        connection.exec_driver_sql(f"TRUNCATE {incoming}")
    else:
        _execute_many(connection, table.name, batch, conflict)


def read(connection: Connection, query: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of a query as batches of `schema`, whose fields the query selects in order."""
    if connection.dialect.name == "postgresql":
        compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
        driver: Any = connection.connection.driver_connection
        copy_out = f"COPY ({compiled}) TO STDOUT (FORMAT csv)"
        with driver.cursor() as cursor, cursor.copy(copy_out, compiled.params) as copy:
            while rows := b"".join(islice(copy, BATCH_ROWS)):  # one message a row, says the protocol
                yield _from_csv(rows, schema)
        return
    result = connection.execute(query)
    while values := result.cursor.fetchmany(BATCH_ROWS):  # the driver's own values, not SQLAlchemy's
        columns = zip(*values, strict=True)
        arrays = [_from_sqlite(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    result.close()


def read_table(connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
    """All rows of a query as one table."""
    return pa.Table.from_batches(list(read(connection, query, schema)), schema=schema)


def _copy_in(connection: Connection, table: str, batch: pa.RecordBatch) -> None:
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {table} ({', '.join(batch.schema.names)}) FROM STDIN (FORMAT binary)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(copy_binary.encode(batch))


def _execute_many(connection: Connection, table: str, batch: pa.RecordBatch, conflict: str = "") -> None:
    driver: Any = connection.connection.driver_connection
    marks = ", ".join("?" * batch.num_columns)
    rows = zip(*(_sqlite_values(column) for column in batch.columns), strict=True)
    driver.executemany(f"INSERT INTO {table} ({', '.join(batch.schema.names)}) VALUES ({marks}) {conflict}", rows)


def _sqlite_values(column: pa.Array) -> list[Any]:
    """Values as SQLite keeps them: instants as microseconds, dates as ISO text, decimals as the nearest double."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    elif pa.types.is_date(kind):
        column = column.cast(pa.string())
    elif pa.types.is_decimal(kind):
        return _nearest_doubles(column)
    elif pa.types.is_fixed_size_binary(kind) and column.null_count == 0:
        width = kind.byte_width
        raw = np.frombuffer(column.buffers()[1], dtype=f"V{width}")  # many times faster than Arrow's own to_pylist
        values: list[Any] = raw[column.offset : column.offset + len(column)].tolist()
        return values
    listed: list[Any] = column.to_pylist()
    return listed


def _nearest_doubles(column: pa.Array) -> list[float | None]:
    """Of decimal128(18, 6). Arrow's own cast multiplies by 1e-6 and misses the nearest; one division does not."""
    low_words = np.frombuffer(column.buffers()[1], np.int64)[0::2][column.offset : column.offset + len(column)]
    nulls = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    values: list[float | None] = pa.array(low_words / 1e6, mask=nulls).to_pylist()
    return values


def _from_sqlite(column: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(column, pa.int64()).cast(kind)
    if pa.types.is_date(kind):
        return pa.array(column, pa.string()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(column, pa.int64()).cast(kind)
    return pa.array(column, kind)


def _from_csv(rows: bytes, schema: pa.Schema) -> pa.RecordBatch:
    binary = {field.name for field in schema if _is_binary(field.type)}
    types = {field.name: pa.string() if field.name in binary else field.type for field in schema}
    table = csv.read_csv(
        pa.BufferReader(rows),
        read_options=csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=len(rows) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).combine_chunks()
    batch = table.to_batches()[0]
    arrays = [
        _unhex(batch.column(field.name), field.type) if field.name in binary else batch.column(field.name)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _unhex(column: pa.Array, kind: pa.DataType) -> pa.Array:
    values = [bytes.fromhex(text[2:]) for text in column.to_pylist()]
    return pa.array(values, kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind))
