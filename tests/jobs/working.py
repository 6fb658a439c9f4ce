"""A database with something to do for every kind of job, and a process that workers are forked from: URL lines in."""

import io
import os
import shutil
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

from farview.core import columns as c
from farview.core.schemas import FORECAST
from farview.store.job_requests import JobRequest, PlanEveryone, Score, TrainJourneys, TrainLtv
from farview.store.store import Store
from farview.store.values import WriteRequest
from farview.store.writer import Writer
from jobs import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.train import train_ltv
from jobs.train_journeys import JourneyFit, train_journeys
from jobs.worker import WorkerOptions, work
from server.logs import json_logger
from tests.jobs.journey_business import fill

TOUCHED = 80
JOBS: dict[str, JobRequest] = {
    "train-ltv": TrainLtv(method="map", seed=3, why="asked"),
    "train-journeys": TrainJourneys(model="markov", seed=3),
    "score": Score(horizons_days=(30, 365)),
    "plan": PlanEveryone(max_touches=3),
}


def prepare(store: Store, sales: Path) -> None:
    """Sales, touches, and a model of each kind."""
    import_file.import_file(store, KINDS["transactions"], sales, FileOptions(), who="test")
    fill(store, TOUCHED)
    train_ltv(store, method="map", who="test")
    train_journeys(store, fit=JourneyFit("markov"), who="test")


def ask(store: Store, request: JobRequest) -> int:
    """Queues a job as the server does; its operation's id."""
    asked: list[int] = []

    def add(writer: Writer) -> bytes:
        asked.append(writer.queue_operation(request, who="ada").operation_id)
        return b""

    store.once(WriteRequest(os.urandom(8).hex(), "test", ""), add)
    return asked[-1]


def work_off(store: Store, dead_after: timedelta = timedelta(0), log: io.StringIO | None = None) -> Counter[str]:
    """Does everything that waits, or whose worker is dead."""
    options = WorkerOptions(once=True, dead_after=dead_after)
    return work(store, options, threading.Event(), json_logger(log or io.StringIO()))


def outcome(store: Store, job: str) -> object:
    """All that a job of that kind leaves behind in a prepared database, but names of time."""
    if job.startswith("train"):
        kind = {"train-ltv": "ltv-revenue", "train-journeys": "journeys"}[job]
        return [(version.name, version.artifact_sha256, version.aliases) for version in store.model_versions(kind)]
    if job == "score":
        runs = store.runs()
        names = [name for name in FORECAST.names if name != c.HORIZON_DAYS]
        tables = [store.run_table(run.run_id, days, names).to_pylist() for run in runs for days in (30, 365)]
        return [run.spec.as_of for run in runs], tables, [store.totals(run.run_id).to_pylist() for run in runs]
    plans = store.list_plans(customer_id=None, page_size=10_000, after=None).rows
    return len(store.plan_runs()), sorted((row.plan.customer_id, repr(row.plan.touches)) for row in plans)


def copy(template: Path, folder: Path) -> str:
    """URL of a copy of a prepared SQLite file."""
    return f"sqlite:///{shutil.copy(template, folder / 'copy.db')}"


if __name__ == "__main__":
    for line in sys.stdin:
        if (child := os.fork()) == 0:  # before any thread or connection exists here
            sys.stdin.close()
            work_off(Store.open(line.strip()))
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)
