"""The worker: what it does with an operation, and how operations end."""

import io
import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from structlog.typing import FilteringBoundLogger

from farview.core.errors import FailedPrecondition
from farview.store.claimed import ClaimedStore
from farview.store.claims import Cancelled
from farview.store.job_requests import JobRequest, Score, TrainLtv
from farview.store.store import Store
from farview.store.values import Transaction
from jobs import claims, queued
from jobs.progress import Progress
from jobs.worker import WorkerOptions, work
from jobs.worker_process import run_worker
from server.logs import json_logger
from tests.cli.running import farview
from tests.jobs.working import JOBS, ask, work_off

COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "worker"]


@pytest.fixture
def url(prepared_sqlite_url: str) -> str:
    return prepared_sqlite_url


@pytest.fixture
def store(prepared_sqlite_store: Store) -> Store:
    return prepared_sqlite_store


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_done_with_its_result(store: Store, job: str) -> None:
    asked = ask(store, JOBS[job])
    assert work_off(store) == {"done": 1}
    record = store.queued_operation(asked)
    keys = {"train": {"model"}, "score": {"run_id", "forecasts"}, "plan": {"plan_run_id", "plans"}}
    assert (record.state, record.attempts) == ("done", 1)
    assert record.result is not None
    assert record.result.keys() >= keys[record.kind]


def test_operations_are_done_in_the_order_in_which_they_were_asked_for(store: Store, log: io.StringIO) -> None:
    asked = [ask(store, JOBS[job]) for job in ("score", "train-ltv", "plan")]
    assert work_off(store, log=log) == {"done": 3}
    done = [line["operation"] for line in lines(log) if line["event"] == "done"]
    assert done == [f"operations/{operation_id}" for operation_id in asked]


def test_the_lineage_names_who_asked_and_why(store: Store) -> None:
    ask(store, JOBS["train-ltv"])
    work_off(store)
    lineage = store.model_versions("ltv-revenue")[0].lineage
    assert (lineage.who, lineage.why, lineage.seed) == ("ada", "asked", 3)


def test_a_job_that_refuses_fails_with_its_reason_and_the_next_is_done(store: Store) -> None:
    asked = [ask(store, Score(horizons_days=(0,))), ask(store, Score())]
    assert work_off(store) == {"failed": 1, "done": 1}
    assert (store.queued_operation(asked[0]).error or "").startswith("InvalidInput: horizon_days: ")


def test_a_job_that_breaks_fails_and_its_traceback_is_in_the_log(
    store: Store, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(store, Score())
    monkeypatch.setattr(queued, "score_ltv", lambda *_, **__: 1 // 0)
    assert work_off(store, log=log) == {"failed": 1}
    assert (store.queued_operation(asked).error or "").startswith("ZeroDivisionError")
    (broke,) = (line for line in lines(log) if line["event"] == "the job broke")
    assert "Traceback" in str(broke["exception"])


def test_a_job_begun_again_sees_the_days_and_rows_that_the_first_attempt_saw(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(store, Score())
    with monkeypatch.context() as dying:
        dying.setattr(queued, "run", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            work_off(store)
    bought = Transaction("later", datetime(1998, 7, 20, tzinfo=UTC), Decimal(20), "USD")
    store.record_transactions([bought], who="test")
    assert work_off(store) == {"done": 1}
    run = store.runs()[0]
    assert run.spec.as_of == date(1998, 6, 30)
    assert store.forecasts(run.run_id, ["later"]).num_rows == 0


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every job goes on batch by batch until its progress ends it; set when one has begun."""
    begun = threading.Event()

    def run(store: ClaimedStore, request: JobRequest, *, who: str, progress: Progress) -> None:
        progress.start("forever")
        begun.set()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            progress.advance()
            time.sleep(0.005)

    monkeypatch.setattr(queued, "run", run)
    monkeypatch.setattr(claims, "_SECONDS_BETWEEN_LOOKS", 0.01)
    return begun


def test_a_running_job_is_cancelled_between_batches(store: Store, endless: threading.Event) -> None:
    asked = ask(store, Score())
    worker = threading.Thread(target=work_off, args=(store,))
    worker.start()
    assert endless.wait(10)
    store.cancel_operation(asked, who="ada")
    worker.join(10)
    assert store.queued_operation(asked).state == "cancelled"


def test_a_job_cancelled_when_its_model_is_registered_is_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask(store, JOBS["train-ltv"])

    def run(store: ClaimedStore, request: JobRequest, *, who: str, progress: Progress) -> None:
        with store.operation("train", {}, who=who) as operation:
            operation.finish({"model": "ltv-revenue/2"})
        raise Cancelled  # by the progress of what comes after

    monkeypatch.setattr(queued, "run", run)
    assert work_off(store) == {"done": 1}
    assert store.queued_operation(asked).result == {"model": "ltv-revenue/2"}


def test_a_worker_that_is_to_end_hands_its_job_back(store: Store, endless: threading.Event) -> None:
    asked, stop, logger = ask(store, Score()), threading.Event(), json_logger(io.StringIO())
    worker = threading.Thread(target=work, args=(store, WorkerOptions(), stop, logger))
    worker.start()
    assert endless.wait(10)
    stop.set()
    worker.join(10)
    record = store.queued_operation(asked)
    assert (record.state, record.attempts) == ("waiting", 0)


def test_a_worker_taken_for_dead_stops_and_leaves_the_operation_to_its_successor(
    store: Store, endless: threading.Event
) -> None:
    asked = ask(store, Score())
    worker = threading.Thread(target=work, args=(store, WorkerOptions(once=True), threading.Event(), _silent()))
    worker.start()
    assert endless.wait(10)
    successor = store.claim_operation("successor", dead_after=timedelta(0))
    worker.join(10)
    assert successor is not None
    assert (successor.operation_id, successor.attempt) == (asked, 2)
    assert store.queued_operation(asked).state == "running"


def test_a_worker_gives_signs_of_life(store: Store, endless: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_SECONDS_BETWEEN_BEATS", 0.02)
    ask(store, Score())
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(store, WorkerOptions(), stop, _silent()))
    worker.start()
    assert endless.wait(10)
    time.sleep(0.6)
    assert store.claim_operation("another", dead_after=timedelta(seconds=0.5)) is None
    stop.set()
    worker.join(10)


def _silent() -> FilteringBoundLogger:
    return json_logger(io.StringIO())


def test_a_sqlite_file_has_one_worker(url: str) -> None:
    with subprocess.Popen([*COMMAND, "--database", url], stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert json.loads(first.stderr.readline())["event"] == "worker started"
        with pytest.raises(FailedPrecondition, match=f"process {first.pid} works on .*copy.db already"):
            run_worker(url, WorkerOptions(once=True), _silent())
        first.send_signal(signal.SIGTERM)
        _, last = first.communicate(timeout=10)
    assert first.returncode == 0
    assert json.loads(last.splitlines()[-1])["event"] == "worker ended"


def test_a_worker_with_nothing_to_do_says_so_and_how_there_would_be(url: str) -> None:
    done = farview("worker", "--once", "--database", url)
    assert done.returncode == 0, done.stderr
    assert "Nothing waits. Operations are added by JobService" in done.stdout


def test_a_worker_run_once_exits_1_when_a_job_failed(url: str, store: Store) -> None:
    ask(store, TrainLtv(model="none such"))
    ended = farview("worker", "--once", "--json", "--database", url)
    assert (ended.returncode, json.loads(ended.stdout)) == (1, {"failed": 1})
