"""The local engine: the same forecasts however the work is split, and a killed run goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import make_url

from farview.core import columns as c
from farview.core.errors import Unavailable
from farview.core.schemas import EVENTS, FORECAST
from farview.store.store import Store
from farview.store.values import ForecastRun
from jobs.local_engine import LocalEngine
from jobs.local_engine_buckets import bucketed, read
from jobs.progress import Silent
from jobs.score import score_ltv
from tests.jobs.working import copy
from tests.store import worlds

CUSTOMERS = 400
KNOWN = 480  # with those who were touched and never bought


def rows(store: Store, run: ForecastRun) -> pa.Table:
    tables = [store.run_table(run.run_id, days, FORECAST.names) for days in run.spec.horizons_days]
    return worlds.in_order(pa.concat_tables(tables))


Whole = tuple[pa.Table, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def whole(prepared_sqlite: str, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Forecasts and totals of a run that was scored in one piece."""
    store = Store.open(copy(Path(str(make_url(prepared_sqlite).database)), tmp_path_factory.mktemp("whole")))
    run = score_ltv(store, who="ada")
    found = rows(store, run), store.totals(run.run_id).to_pylist()
    store.close()
    assert run.parts == 1
    return found


def assert_same(store: Store, found: ForecastRun, whole: Whole) -> None:
    """Forecasts to the last bit, totals but for the order of their sums."""
    table, totals = whole
    assert rows(store, found).equals(table)
    for one, told in zip(store.totals(found.run_id).to_pylist(), totals, strict=True):
        other = dict(told)
        draws, mean = one.pop("draws"), one.pop("mean")
        assert draws == pytest.approx(other.pop("draws"), rel=1e-9)
        assert mean == pytest.approx(other.pop("mean"), rel=1e-9)
        assert one == other


@pytest.mark.parametrize("engine", [LocalEngine(40, 0), LocalEngine(160, 2)], ids=str)
def test_any_number_of_buckets_and_workers_gives_the_same_forecasts(
    engine: LocalEngine, prepared_sqlite_store: Store, whole: Whole
) -> None:
    split = score_ltv(prepared_sqlite_store, engine=engine, who="ada")
    assert split.parts == engine.buckets(KNOWN)
    assert_same(prepared_sqlite_store, split, whole)


@contextmanager
def scoring(url: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that scores June in buckets of 160 and waits at a point; killed at the end."""
    command = [sys.executable, "-m", "tests.jobs.interrupted_score", url, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        yield process
        process.kill()


def children(process: subprocess.Popen[bytes]) -> list[Path]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [Path(f"/proc/{child}") for child in found.split()]


def own_workers() -> list[int]:
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


class Counted(Silent):
    """How many customers were forecast, step by step."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def advance(self, units: int = 1) -> None:
        self.steps.append(units)


def test_a_killed_run_goes_on_at_the_bucket_it_had_reached_and_its_workers_end(
    prepared_sqlite_store: Store, prepared_sqlite_url: str, whole: Whole
) -> None:
    with scoring(prepared_sqlite_url, "staging", "1") as process:
        workers = children(process)
        assert len(workers) >= 2  # one, and what watches the resources of both
    watch = Counted()
    rerun = score_ltv(prepared_sqlite_store, engine=LocalEngine(workers=0), who="ada", progress=watch)
    assert (rerun.parts, rerun.parts_staged, rerun.attempt) == (3, 3, 2)
    assert rerun.forecasts == 3 * CUSTOMERS
    assert len(watch.steps) == 3  # what was in, and the two buckets that were not
    assert_same(prepared_sqlite_store, rerun, whole)
    until = time.monotonic() + 10
    while any(worker.exists() for worker in workers):
        assert time.monotonic() < until, "a worker outlives its parent"
        time.sleep(0.05)


def test_a_killed_worker_is_told_and_the_rerun_goes_on(prepared_sqlite_store: Store) -> None:
    class KillWorkers(Silent):
        def advance(self, units: int = 1) -> None:
            for worker in own_workers():
                os.kill(worker, signal.SIGKILL)

    with pytest.raises(Unavailable, match="goes on where it was"):
        score_ltv(prepared_sqlite_store, engine=LocalEngine(60, 1), who="ada", progress=KillWorkers())
    rerun = score_ltv(prepared_sqlite_store, engine=LocalEngine(workers=0), who="ada")
    assert (rerun.parts, rerun.attempt, rerun.forecasts) == (8, 2, 3 * CUSTOMERS)


def test_a_job_that_is_stopped_takes_its_workers_along(prepared_sqlite_store: Store) -> None:
    class Stopped(Exception):
        pass

    class Stops(Silent):
        def advance(self, units: int = 1) -> None:
            raise Stopped

    with pytest.raises(Stopped) as caught:
        score_ltv(prepared_sqlite_store, engine=LocalEngine(160, 1), who="ada", progress=Stops())
    assert own_workers() == []
    assert caught.tb is not None  # which holds the job's frames: nothing was left to their end


def test_all_events_of_a_customer_are_in_one_bucket() -> None:
    when = datetime(2024, 1, 1, tzinfo=UTC)
    events = pa.Table.from_pylist(
        [{"customer_id": f"c{i % 50}", "time": when, "amount": float(i)} for i in range(200)], schema=EVENTS
    )
    with bucketed(pa.RecordBatchReader.from_batches(EVENTS, events.to_batches(max_chunksize=7)), 8, first=2) as folder:
        found = [read(folder, bucket) for bucket in range(8)]
    assert not folder.exists()
    owners = [set(table[c.CUSTOMER_ID].to_pylist()) for table in found]
    assert owners[:2] == [set(), set()]
    assert sum(map(len, owners)) == len(set().union(*owners)) > 30
    assert all(table.schema == EVENTS for table in found)
    everywhere = pa.concat_tables(found)
    counts = duckdb.sql("select count(*) from everywhere group by customer_id").fetchall()
    assert everywhere.num_rows > 0
    assert set(counts) == {(4,)}
