"""Rows of a query in a database that is not Farview's."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from farview.core.errors import InvalidInput

_ROWS = 10_000


@contextmanager
def rows(url: str, query: str) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    """The names of the columns, and the rows one by one; the query can read and not write.

    Args:
        url: duckdb:///PATH, duckdb:// for a query over files, or any URL of SQLAlchemy whose driver is installed.
        query: one statement that gives rows.

    Raises:
        InvalidInput: `--from` cannot be opened, or `--query` is refused there.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidInput.of("--from", "is not a database URL (sqlite:///PATH is one)") from None
    kind, path = parsed.get_backend_name(), parsed.database or ""
    if kind in ("sqlite", "duckdb") and path and not Path(path).is_file():
        raise InvalidInput.of("--from", f"there is no file {path}")
    try:
        with _duckdb(path, query) if kind == "duckdb" else _sqlalchemy(url, kind, query) as found:
            yield found
    except (DBAPIError, duckdb.Error, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise InvalidInput.of("--query", f"was refused ({str(cause).strip().splitlines()[0]})") from None


@contextmanager
def _duckdb(path: str, query: str) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    with duckdb.connect(path or ":memory:", read_only=bool(path)) as connection:
        result = connection.execute(query)
        batches = iter(lambda: result.fetchmany(_ROWS), [])
        yield [column[0] for column in result.description], (row for batch in batches for row in batch)


@contextmanager
def _sqlalchemy(url: str, kind: str, query: str) -> Iterator[tuple[list[str], Iterator[Sequence[Any]]]]:
    try:
        # A URL without a driver means psycopg 3 here, the one that is installed.
        parsed = make_url(url)
        plain = kind == "postgresql" and parsed.drivername == "postgresql"
        engine = create_engine(parsed.set(drivername="postgresql+psycopg") if plain else parsed)
    except (NoSuchModuleError, ImportError) as error:
        raise InvalidInput.of("--from", f"needs a driver that is not installed ({error})") from None
    try:
        options: dict[str, Any] = {"postgresql_readonly": True} if kind == "postgresql" else {}
        with engine.connect().execution_options(stream_results=True, yield_per=_ROWS, **options) as connection:
            if kind == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
            result = connection.exec_driver_sql(query)
            if not result.returns_rows:
                raise InvalidInput.of("--query", "gives no rows (write one SELECT)")
            yield list(result.keys()), (tuple(row) for row in result)
    finally:
        engine.dispose()
