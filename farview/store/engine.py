"""Connections: SQLite with the settings it needs, PostgreSQL as it is."""

from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from farview.core.errors import Conflict, InvalidInput
from farview.store import outages

BUSY_TIMEOUT_MS = 30_000
_POSTGRES_RACES = {"23505", "40001", "40P01"}  # unique_violation, serialization_failure, deadlock_detected

T = TypeVar("T")


def open_engine(url: str) -> Engine:
    """An engine for sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME.

    Raises:
        InvalidInput: another kind of database, or not a URL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidInput.of("database_url", f"{url!r} is not a database URL (sqlite:///PATH is one)") from None
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"options": "-c timezone=UTC -c datestyle=ISO"},  # bulk reads parse what the server prints
        )
        outages.tell(engine)
        return engine
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        engine = create_engine(parsed.set(drivername="sqlite+pysqlite"))
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
        return engine
    raise InvalidInput.of("database_url", f"{kind} is not supported (sqlite:///PATH or postgresql+psycopg://...)")


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for PostgreSQL."""
    return file_of(open_engine(url))


def file_of(engine: Engine) -> Path | None:
    """SQLite's file; None for PostgreSQL."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def write(engine: Engine, work: Callable[[Connection], T], attempts: int = 10) -> T:
    """Does `work` in one writing transaction; when another one got in its way, again from the start.

    Raises:
        Conflict: the database stayed busy.
    """
    for _ in range(attempts):
        try:
            with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
                return work(connection)
        except Exception as error:  # bulk inserts raise the driver's own errors, the rest SQLAlchemy's around them
            cause = error.orig if isinstance(error, DBAPIError) else error
            if getattr(cause, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                break  # the busy timeout has waited already
            if getattr(cause, "sqlstate", None) not in _POSTGRES_RACES:
                raise
    raise Conflict("the database is busy with another write; try again")


def _on_connect(connection: SqliteConnection, _record: Any) -> None:
    # The driver's own way of beginning transactions lets a read and a later write see different states; see _on_begin.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",  # with WAL a killed process loses nothing; a power cut may lose the last commits, whole
        "foreign_keys = ON",
        "cache_size = -65536",  # 64 MiB: index pages of a run of 10^6 customers
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    # A transaction that will write asks for the lock at its start: one that reads first and then writes fails at once
    # with "database is locked" when somebody wrote in between, and no busy timeout helps.
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
