"""Brings a database to the newest revision. The revisions are found in the installed wheel, not in a checkout."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from farview.core.errors import FailedPrecondition
from farview.store import views
from farview.store.engine import file_of, open_engine

_LOCK = 0x46415256  # any constant; PostgreSQL advisory lock that two simultaneous upgrades share


def upgrade(url: str, revision: str = "head") -> None:
    """Creates or upgrades the database. Safe to run twice and by two processes at once.

    Raises:
        InvalidInput: the URL is not one of SQLite or PostgreSQL.
    """
    with _connection(url) as connection, _config(connection) as config:
        if _revision(connection) == head() and revision == "head" and views.stand(connection):
            return  # views that stand keep what was granted on them
        views.drop(connection)  # neither database changes a table that a view reads
        command.upgrade(config, revision)
        if _revision(connection) == head():
            views.create(connection)


def downgrade(url: str, revision: str) -> None:
    """Takes revisions back, data of their tables included. "base" empties the database."""
    with _connection(url) as connection, _config(connection) as config:
        views.drop(connection)
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The database's revision; None when it was never migrated."""
    with _connection(url) as connection:
        return _revision(connection)


def check(engine: Engine) -> None:
    """Raises FailedPrecondition when the database is not at the revision this code was written for."""
    path = file_of(engine)
    if path is not None and not path.exists():  # a connection would create it
        raise FailedPrecondition(f"there is no database {path}; run `farview init` first, or name another one")
    with _locked(engine) as connection:
        found, wanted = _revision(connection), head()
    if found is None:
        raise FailedPrecondition("the database is empty; run `farview init` first")
    if found != wanted:
        raise FailedPrecondition(
            f"the database has revision {found}, this version of Farview needs {wanted}; run `farview init` to upgrade"
        )


@lru_cache(maxsize=1)
def head() -> str:
    """The newest revision this code knows."""
    with _folder() as folder:
        revision = ScriptDirectory(str(folder)).get_current_head()
    assert revision is not None
    return revision


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _folder() -> Iterator[Path]:
    with as_file(files("migrations")) as folder:
        yield folder


@contextmanager
def _config(connection: Connection) -> Iterator[Config]:
    with _folder() as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        yield config


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    engine = open_engine(url)
    try:
        with _locked(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """Waits for an upgrade that is under way."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection
