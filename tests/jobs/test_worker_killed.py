"""kill -9 at random moments of every kind of job: the next worker completes it, as if nothing had happened."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from os import kill
from random import Random

import pytest
from sqlalchemy import make_url, text

from farview.store.engine import open_engine
from farview.store.store import Store
from tests.jobs.working import JOBS, ask, outcome, work_off
from tests.tiers import examples

DATABASES = ("sqlite", "postgresql")
# Every kind of job once, on the databases in turn; in the soak tier ten moments of each on both.
CASES = examples(
    ci=[(DATABASES[k % 2], job, 0) for k, job in enumerate(JOBS)],
    soak=[(database, job, moment) for database in DATABASES for job in JOBS for moment in range(10)],
)


@pytest.fixture(scope="module")
def workers() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported everything, from which workers are forked: so a moment is one of the job."""
    command = [sys.executable, "-m", "tests.jobs.working"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


@pytest.fixture(scope="module")
def undisturbed(
    prepared_sqlite: str, workers: subprocess.Popen[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[object, float]]:
    """What each job comes to when nobody disturbs it, and in how many seconds."""
    found = {}
    for job, request in JOBS.items():
        copied = shutil.copy(str(make_url(prepared_sqlite).database), tmp_path_factory.mktemp("calm") / "calm.db")
        store = Store.open(f"sqlite:///{copied}")
        asked = ask(store, request)
        _begin(workers, f"sqlite:///{copied}", store, asked)
        began = time.monotonic()
        assert _line(workers) == "gone"
        assert store.queued_operation(asked).state == "done"
        found[job] = outcome(store, job), time.monotonic() - began
        store.close()
    return found


@pytest.mark.parametrize(("prepared_url", "job", "moment"), CASES, indirect=["prepared_url"])
def test_a_job_whose_worker_is_killed_is_completed_by_the_next_as_if_undisturbed(
    prepared: Store,
    prepared_url: str,
    workers: subprocess.Popen[str],
    undisturbed: dict[str, tuple[object, float]],
    job: str,
    moment: int,
) -> None:
    expected, seconds = undisturbed[job]
    asked = ask(prepared, JOBS[job])
    child = _begin(workers, prepared_url, prepared, asked)
    time.sleep(Random(f"{job} {moment} {prepared_url[:6]}").uniform(0, 0.9 * seconds))
    with suppress(ProcessLookupError):  # it was quicker than the undisturbed one
        kill(child, signal.SIGKILL)
    assert _line(workers) == "gone"
    work_off(prepared)
    assert prepared.queued_operation(asked).state == "done"
    assert outcome(prepared, job) == expected
    assert _rows_of_dead_runs(prepared_url) == 0


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
