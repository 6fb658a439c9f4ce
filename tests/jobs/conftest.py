"""Stores that jobs work on; the fixtures of the store's own tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farview.store.store import Store
from farview.store.values import Business
from tests.store.conftest import postgres_emptied, sqlite_template, store, url

__all__ = ["postgres_emptied", "sqlite_template", "store", "url"]


@pytest.fixture
def sqlite_store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    """For what does not depend on the database: a new business in Berlin that reports in euros."""
    path = tmp_path / "only.db"
    shutil.copy(sqlite_template, path)
    opened = Store.open(f"sqlite:///{path}")
    opened.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    yield opened
    opened.close()
