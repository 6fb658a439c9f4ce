"""What a worker of the local engine does: one bucket of the log in, its forecasts out, through files."""

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from farview.core.clock import Cut
from farview.core.schemas import FORECAST
from farview.features.rfm import rfm
from jobs.local_engine_buckets import read
from ltv.model import load
from ltv.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is asked of each customer, as bytes and numbers that travel to another process."""

    artifact: bytes
    horizons_days: tuple[int, ...]
    cut: Cut
    zone: str
    seed: int


def forecast_bucket(kernel: Kernel, log: Path, number: int, to: Path) -> bytes:
    """Writes schemas.FORECAST of the bucket's customers to an Arrow file; answers their part of the totals."""
    scorer = Scorer(load(kernel.artifact), kernel.horizons_days, kernel.cut.as_of, kernel.seed)
    customers = rfm(read(log, number), kernel.cut, kernel.zone)
    with pa.OSFile(str(to), "wb") as sink, pa.ipc.new_file(sink, FORECAST) as file:
        for batch in scorer.forecast(customers):
            file.write_batch(batch)
    return scorer.partial_totals.to_bytes()


def begin() -> None:
    """Ties a worker to the process that started it: Ctrl-C is for that one, and its end, however it came, is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nothing to tidy up: what a worker writes is read by nobody but its parent
