"""A store on each kind of database. Making a database costs a second on PostgreSQL, emptying one does not."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from farview.store.engine import open_engine
from farview.store.schema import METADATA
from farview.store.store import Store
from farview.store.values import Business


@pytest.fixture(scope="session")
def postgres_emptied(postgres_server: str, postgres_template: str) -> str:
    """URL of the PostgreSQL database that tests empty before they use it."""
    name = f"emptied_{uuid.uuid4().hex[:12]}"  # the rooms that import this fixture have one each
    engine = open_engine(postgres_server).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    engine.dispose()
    return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without a row."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    found: str = request.getfixturevalue("postgres_emptied")
    engine = open_engine(found)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # the audit log's triggers sleep
        for table in METADATA.tables:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A new business in Berlin that reports in euros."""
    opened = Store.open(url)
    opened.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    yield opened
    opened.close()
