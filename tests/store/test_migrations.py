"""Revisions: they make exactly the tables of the code, and can be taken back."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
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

FIRST_REVISION = (
    "INSERT INTO customers (customer_id, created_at) VALUES ('a', {now})",
    "INSERT INTO import_files (content_hash, mapping, name, rows_imported, rows_unchanged, rows_corrected, "
    "rows_rejected, imported_at) VALUES ('c', '{{}}', 'sales.csv', 1, 0, 0, 0, {now})",
    "INSERT INTO transactions (customer_id, time, amount, currency, ingested_at, row_hash) "
    "VALUES ('a', {now}, 12.5, 'EUR', {now}, 7)",
)
"""Rows as code of the first revision wrote them."""

A_RUN_WITH_TOTALS = (
    "INSERT INTO artifacts (sha256, size_bytes, content, created_at) VALUES ('s', 0, '', {now})",
    "INSERT INTO model_versions (model_version_id, kind, version, model, artifact_sha256, as_of, known_at, "
    "snapshot_hash, feature_schema_hash, code_version, library_versions, seed, configuration, metrics, who, why, "
    "created_at) VALUES (1, 'ltv-revenue', 1, 'bg_nbd', 's', '2024-01-01', {now}, 'h', 'f', '0', '{{}}', 0, '{{}}', "
    "'{{}}', 'ada', '', {now})",
    "INSERT INTO forecast_runs (run_id, status, model_version_id, as_of, known_at, snapshot_hash, config_hash, "
    "horizons_days, seed, rows_staged, created_at, staged_at, published_at) "
    "VALUES (1, 'published', 1, '2024-01-01', {now}, 'h', 'c', '[30]', 0, 0, {now}, {now}, {now})",
    "INSERT INTO segment_totals (run_id, group_kind, group_name, horizon_days, measure, customers, mean, draws) "
    "VALUES (1, 'base', '', 30, 'value', 3, 50, :draws)",
)
"""Rows as code of the fifth revision wrote them."""


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


def test_the_second_revision_keeps_what_the_first_holds_there_and_back(database_url: str) -> None:
    held = {
        "customers": {"customer_id": "a"},
        "import_files": {"name": "sales.csv", "content_hash": "c", "mapping": "{}"},
        "transactions": {"customer_id": "a", "amount": 12.5, "currency": "EUR", "row_hash": 7},
    }
    migrate.downgrade(database_url, "0001")
    _execute(database_url, *FIRST_REVISION)
    migrate.upgrade(database_url)
    assert {table: _only_row(database_url, table, held[table]) for table in held} == held
    assert _only_row(database_url, "import_files", {"kind": ""}) == {"kind": "transactions"}
    migrate.downgrade(database_url, "0001")
    assert {table: _only_row(database_url, table, held[table]) for table in held} == held


def test_the_second_revision_can_be_taken_back_when_other_kinds_were_imported(database_url: str) -> None:
    for kind in ("transactions", "touchpoints"):
        _execute(database_url, FIRST_REVISION[1].replace("name,", "name, kind,").replace(".csv',", f".csv', '{kind}',"))
    migrate.downgrade(database_url, "0001")
    assert _only_row(database_url, "import_files", {"content_hash": ""}) == {"content_hash": "c"}


def test_the_third_revision_keeps_operations_and_drops_those_the_second_has_no_word_for(database_url: str) -> None:
    columns = "kind, state, request, step, done, who, started_at, updated_at"
    migrate.downgrade(database_url, "0002")
    _execute(
        database_url,
        f"INSERT INTO operations ({columns}) VALUES ('score', 'done', '{{{{}}}}', '', 0, 'ada', {{now}}, {{now}})",
    )
    migrate.upgrade(database_url)
    assert _only_row(database_url, "operations", ["state", "attempts"]) == {"state": "done", "attempts": 0}
    _execute(
        database_url,
        f"INSERT INTO operations ({columns}) VALUES ('score', 'waiting', '{{{{}}}}', '', 0, 'ada', NULL, {{now}})",
    )
    migrate.downgrade(database_url, "0002")
    assert _only_row(database_url, "operations", ["state"]) == {"state": "done"}


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


def _execute(url: str, *statements: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.format(now="1" if "sqlite" in url else "now()"))
    engine.dispose()


def _only_row(url: str, table: str, columns: Iterable[str]) -> dict[str, Any]:
    engine = open_engine(url)
    with engine.connect() as connection:
        row = connection.execute(text(f"SELECT {', '.join(columns)} FROM {table}")).one()
    engine.dispose()
    return dict(row._mapping)


def _tables(url: str) -> set[str]:
    engine = open_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names - {"sqlite_sequence"}


def test_the_sixth_revision_tells_the_quantiles_of_totals_that_were_stored_before(database_url: str) -> None:
    migrate.downgrade(database_url, "0005")
    engine = open_engine(database_url)
    with engine.begin() as connection:
        later = {"now": "1" if engine.dialect.name == "sqlite" else "now()"}
        for statement in A_RUN_WITH_TOTALS:
            draws = {"draws": np.arange(101.0).tobytes()} if ":draws" in statement else {}
            connection.execute(text(statement.format(**later)), draws)
    engine.dispose()
    migrate.upgrade(database_url)
    assert _only_row(database_url, "segment_totals", ("q05", "q10", "q50", "q90", "q95")) == {
        "q05": 5.0,
        "q10": 10.0,
        "q50": 50.0,
        "q90": 90.0,
        "q95": 95.0,
    }
