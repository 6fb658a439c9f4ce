"""The local engine: every customer on one machine, bucket by bucket, in memory that does not grow with their number.

The log passes once through DuckDB into Parquet, a folder a bucket of customers. A worker turns a bucket into features
and then into forecasts, which this process takes in the order of the buckets. What comes out does not depend on how
many buckets or workers there are: a customer's forecast depends on the customer alone, and totals are added up in the
order of the buckets, so that another number of them can only change their last digits.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from farview.core.errors import Unavailable
from jobs.local_engine_worker import Kernel, forecast_bucket
from jobs.processes import pool
from ltv.totals import Totals


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """How the work is split."""

    customers_a_bucket: int = 32_768  # what a worker holds at once, and a transaction writes
    workers: int | None = None  # processes; None: one a core when that pays, 0: none but this one

    def buckets(self, customers: int) -> int:
        """How many buckets so many customers need, at least 1."""
        return max(1, -(-customers // self.customers_a_bucket))

    def processes(self, buckets: int) -> int:
        """How many workers that many buckets are worth; a worker needs some seconds before its first forecast."""
        if self.workers is not None:
            return self.workers
        return min(len(os.sched_getaffinity(0)), buckets) if buckets > 2 else 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """Forecasts of one bucket's customers."""

    number: int
    forecasts: pa.Table  # schemas.FORECAST, by customer id and horizon; a file in memory while it is looked at
    totals: Totals


def forecasts(engine: LocalEngine, kernel: Kernel, log: Path, buckets: range) -> Generator[Bucket, None, None]:
    """Forecasts of those buckets in order, computed ahead while the caller stores the one before; close it to stop.

    Args:
        engine: how the work is split.
        kernel: what is asked of each customer.
        log: folder of `bucketed`.
        buckets: which of them.

    Raises:
        Unavailable: a worker died.
    """
    processes = engine.processes(len(buckets))
    executor = pool(processes)
    try:
        waiting: deque[tuple[int, Path, Future[bytes]]] = deque()
        for number in buckets:
            to = log / f"{number}.arrow"
            waiting.append((number, to, executor.submit(forecast_bucket, kernel, log, number, to)))
            if len(waiting) > max(1, processes):
                yield from _taken(*waiting.popleft())
        while waiting:
            yield from _taken(*waiting.popleft())
    except BrokenProcessPool:
        raise Unavailable(
            "a worker was killed (out of memory?); start the job again, it goes on where it was"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _taken(number: int, file: Path, done: Future[bytes]) -> Iterator[Bucket]:
    totals = Totals.from_bytes(done.result())
    with pa.memory_map(str(file)) as mapped:
        yield Bucket(number, pa.ipc.open_file(mapped).read_all(), totals)
    file.unlink()
