"""kill -9 at random moments of every kind of job: the next worker completes it, as if nothing had happened."""

import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from os import kill
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import make_url, text

from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Business
from tests.jobs.working import JOBS, ask, outcome, prepare, work_off
from tests.tiers import examples

MOMENTS = range(examples(ci=1, soak=10))  # on each database


@pytest.fixture(scope="session")
def templates(
    sqlite_template: Path,
    postgres_server: str,
    postgres_template: str,
    cdnow_part: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """URLs of prepared databases to copy, by kind."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("killed") / "template.db"))
    name = f"prepared_{uuid.uuid4().hex[:12]}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    postgres = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    urls = {"sqlite": f"sqlite:///{path}", "postgresql": postgres}
    for url in urls.values():
        store = Store.open(url)
        store.set_business(Business("UTC", "USD", consent_required=False))
        prepare(store, cdnow_part)
        store.close()
    return urls


@pytest.fixture(params=["sqlite", "postgresql"])
def url(
    request: pytest.FixtureRequest, templates: dict[str, str], postgres_server: str, tmp_path: Path
) -> Iterator[str]:
    """A copy of the prepared database of each kind."""
    template = make_url(templates[request.param])
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(str(template.database), tmp_path / 'copy.db')}"
        return
    name = f"killed_{uuid.uuid4().hex[:12]}"
    _execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template.database}")
    yield template.set(database=name).render_as_string(hide_password=False)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store.open(url)
    yield opened
    opened.close()


def _execute(url: str, statement: str) -> None:
    engine = open_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="module")
def workers() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported everything, from which workers are forked: so a moment is one of the job."""
    command = [sys.executable, "-m", "tests.jobs.working"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


@pytest.fixture(scope="module")
def undisturbed(
    templates: dict[str, str], workers: subprocess.Popen[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[object, float]]:
    """What each job comes to when nobody disturbs it, and in how many seconds."""
    found = {}
    for job, request in JOBS.items():
        copied = shutil.copy(str(make_url(templates["sqlite"]).database), tmp_path_factory.mktemp("calm") / "calm.db")
        store = Store.open(f"sqlite:///{copied}")
        asked = ask(store, request)
        _begin(workers, f"sqlite:///{copied}", store, asked)
        began = time.monotonic()
        assert _line(workers) == "gone"
        assert store.queued_operation(asked).state == "done"
        found[job] = outcome(store, job), time.monotonic() - began
        store.close()
    return found


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("job", JOBS)
def test_a_job_whose_worker_is_killed_is_completed_by_the_next_as_if_undisturbed(
    store: Store,
    url: str,
    workers: subprocess.Popen[str],
    undisturbed: dict[str, tuple[object, float]],
    job: str,
    moment: int,
) -> None:
    expected, seconds = undisturbed[job]
    asked = ask(store, JOBS[job])
    child = _begin(workers, url, store, asked)
    time.sleep(Random(f"{job} {moment} {url[:6]}").uniform(0, 0.9 * seconds))
    with suppress(ProcessLookupError):  # it was quicker than the undisturbed one
        kill(child, signal.SIGKILL)
    assert _line(workers) == "gone"
    work_off(store)
    assert store.queued_operation(asked).state == "done"
    assert outcome(store, job) == expected
    assert _rows_of_dead_runs(url) == 0


def _begin(workers: subprocess.Popen[str], url: str, store: Store, asked: int) -> int:
    """Lets a worker be forked, and waits until it has claimed the operation; its process."""
    assert workers.stdin is not None
    print(url, file=workers.stdin, flush=True)
    child = int(_line(workers))
    while store.queued_operation(asked).state == "waiting":
        time.sleep(0.001)
    return child


def _line(workers: subprocess.Popen[str]) -> str:
    assert workers.stdout is not None
    return workers.stdout.readline().strip()


def _rows_of_dead_runs(url: str) -> int:
    engine = open_engine(url)
    counted = (
        "SELECT (SELECT count(*) FROM forecasts JOIN forecast_runs USING (run_id) WHERE status <> 'published') + "
        "(SELECT count(*) FROM plans JOIN plan_runs USING (plan_run_id) WHERE status <> 'published')"
    )
    with engine.connect() as connection:
        found = connection.execute(text(counted)).scalar_one()
    engine.dispose()
    return int(found)
