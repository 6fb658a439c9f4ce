"""Databases with something to do for every kind of job: filled once a session, then copied."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Business
from tests.jobs.working import prepare


@pytest.fixture(scope="session")
def prepared_sqlite(sqlite_template: Path, cdnow_part: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a SQLite file. Copy it."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("prepared") / "prepared.db"))
    return _filled(f"sqlite:///{path}", cdnow_part)


@pytest.fixture(scope="session")
def prepared_postgres(postgres_server: str, postgres_template: str, cdnow_part: Path) -> str:
    """URL of a PostgreSQL database. Copy it."""
    name = f"prepared_{uuid.uuid4().hex[:12]}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    return _filled(make_url(postgres_server).set(database=name).render_as_string(hide_password=False), cdnow_part)


@pytest.fixture
def prepared_sqlite_url(prepared_sqlite: str, tmp_path: Path) -> str:
    """A copy of the SQLite file."""
    return f"sqlite:///{shutil.copy(str(make_url(prepared_sqlite).database), tmp_path / 'copy.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def prepared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A copy of each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("prepared_sqlite_url")
        return
    server = request.getfixturevalue("postgres_server")
    template, name = make_url(request.getfixturevalue("prepared_postgres")), f"copy_{uuid.uuid4().hex[:12]}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template.database}")
    yield template.set(database=name).render_as_string(hide_password=False)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def prepared(prepared_url: str) -> Iterator[Store]:
    """A store on each kind."""
    opened = Store.open(prepared_url)
    yield opened
    opened.close()


@pytest.fixture
def prepared_sqlite_store(prepared_sqlite_url: str) -> Iterator[Store]:
    """For what does not depend on the database."""
    opened = Store.open(prepared_sqlite_url)
    yield opened
    opened.close()


def _filled(url: str, sales: Path) -> str:
    store = Store.open(url)
    store.set_business(Business("UTC", "USD", consent_required=False))
    prepare(store, sales)
    store.close()
    return url


def _execute(url: str, statement: str) -> None:
    engine = open_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
