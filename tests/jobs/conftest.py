"""Stores that jobs work on; the fixtures of the store's own tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farview.store.store import Store
from farview.store.values import Business
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from tests.jobs.prepared import (
    prepared,
    prepared_postgres,
    prepared_sqlite,
    prepared_sqlite_store,
    prepared_sqlite_url,
    prepared_url,
)
from tests.store.conftest import postgres_emptied, store, url

__all__ = [
    "postgres_emptied",
    "prepared",
    "prepared_postgres",
    "prepared_sqlite",
    "prepared_sqlite_store",
    "prepared_sqlite_url",
    "prepared_url",
    "store",
    "url",
]


@pytest.fixture
def sqlite_store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    """For what does not depend on the database: a new business in Berlin that reports in euros."""
    path = tmp_path / "only.db"
    shutil.copy(sqlite_template, path)
    opened = Store.open(f"sqlite:///{path}")
    opened.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sales(sqlite_template: Path, cdnow_part: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the sales of those customers and nothing else. Copy it."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("sales") / "sales.db"))
    filled = Store.open(f"sqlite:///{path}")
    filled.set_business(Business("UTC", "USD", consent_required=False))
    import_file(filled, KINDS["transactions"], cdnow_part, FileOptions(), who="ada")
    filled.close()
    return path


@pytest.fixture
def small(sales: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    opened = Store.open(f"sqlite:///{shutil.copy(sales, tmp_path / 'small.db')}")
    yield opened
    opened.close()
