"""The worker's process: from the command line's options to SIGTERM."""

import fcntl
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from farview.core.errors import FailedPrecondition
from farview.store.engine import sqlite_path
from farview.store.store import Store
from jobs.worker import WorkerOptions, work


def run_worker(database_url: str, options: WorkerOptions, logger: FilteringBoundLogger) -> Counter[str]:
    """Works until SIGTERM or SIGINT; a second one ends the process at once.

    Args:
        database_url: of a database that `farview init` made.
        options: how to work.
        logger: gets the log lines.

    Returns:
        See jobs.worker.work.

    Raises:
        FailedPrecondition: the database needs `farview init`, or is SQLite and has a worker already.
    """
    store = Store.open(database_url)
    try:
        with _only_worker_of(sqlite_path(database_url)) as alone, _until_signalled() as stop:
            # Where no other worker can live, whoever holds an operation is dead.
            return work(store, replace(options, dead_after=timedelta(0)) if alone else options, stop, logger)
    finally:
        store.close()


@contextmanager
def _only_worker_of(path: Path | None) -> Iterator[bool]:
    """Holds the lock of a SQLite file's only worker; the system frees it when the process ends, however it ends.

    Yields:
        Whether this is the only worker; False for a database that may have several.

    Raises:
        FailedPrecondition: another process works on the file.
    """
    if path is None:
        yield False
        return
    with path.with_name(f"{path.name}-worker").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise FailedPrecondition(
                f"process {file.read().strip() or 'unknown'} works on {path} already; SQLite has one worker, "
                "PostgreSQL as many as you like"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield True


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """An event that the first SIGTERM or SIGINT sets; what they did before is restored then, and at the end."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def once(*_: object) -> None:
        stop.set()
        restore()

    for number in before:
        signal.signal(number, once)
    try:
        yield stop
    finally:
        restore()
