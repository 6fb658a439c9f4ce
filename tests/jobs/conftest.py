"""Stores that jobs work on; the fixtures of the store's own tests."""

import gzip
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


@pytest.fixture(scope="session")
def cdnow_part(cdnow_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 400 customers of the CDNOW sample."""
    path = tmp_path_factory.mktemp("part") / "part.csv"
    with gzip.open(cdnow_sample, "rt") as file:
        path.write_text("".join(line for line in file if line[:4] <= "0400" or line.startswith("customer_id")))
    return path
