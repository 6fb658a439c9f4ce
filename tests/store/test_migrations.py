"""Revisions: they make exactly the tables of the code, and can be taken back."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store import migrate
from farview.store.engine import open_engine
from farview.store.schema import METADATA
from farview.store.store import Store


def test_revisions_and_tables_say_the_same(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_upgrade_after_downgrade_gives_the_same_database(database_url: str) -> None:
    before = _tables(database_url)
    migrate.downgrade(database_url, "base")
    assert _tables(database_url) == {"alembic_version"}
    migrate.upgrade(database_url)
    assert _tables(database_url) == before
    assert migrate.current(database_url) == migrate.head()


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    before = _tables(database_url)
    migrate.upgrade(database_url)
    assert _tables(database_url) == before


def test_an_empty_database_is_refused_with_the_command_that_makes_it(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(FailedPrecondition, match="farview init"):
        Store.open(f"sqlite:///{tmp_path}/empty.db")


@pytest.mark.parametrize("url", ["mysql://root@host/name", "sqlite://", "not a url"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="database_url"):
        Store.open(url)


def test_every_constraint_has_a_name_that_a_later_revision_can_drop(database_url: str) -> None:
    engine = open_engine(database_url)
    inspector = inspect(engine)
    for table in METADATA.tables:
        constraints = [
            *inspector.get_foreign_keys(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_check_constraints(table),
        ]
        assert all(constraint["name"] for constraint in constraints), table
    engine.dispose()


def test_sqlite_connections_use_wal_foreign_keys_and_wait_for_locks(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys")}
        assert found == {"journal_mode": "wal", "foreign_keys": 1}
        assert connection.scalar(text("PRAGMA busy_timeout")) >= 10_000
    engine.dispose()


@pytest.mark.parametrize("change", ["UPDATE audit_log SET who = 'eve'", "DELETE FROM audit_log"])
def test_the_audit_log_cannot_be_changed(database_url: str, change: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        line = METADATA.tables["audit_log"].insert()
        connection.execute(
            line.values(at=datetime.now(UTC), who="ada", action="promote", subject="ltv-revenue/2", detail="{}")
        )
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))
    engine.dispose()


def _tables(url: str) -> set[str]:
    engine = open_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names - {"sqlite_sequence"}
