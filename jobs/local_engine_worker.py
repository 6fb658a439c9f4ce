"""What a worker of the local engine does: one bucket of the log in, its forecasts out, through files."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.schemas import FORECAST
from farview.features.attributes import with_attributes
from jobs.local_engine_buckets import read
from ltv.model import differs_by
from ltv.registered import Ready, load, ready

ATTRIBUTES_FILE = "attributes.arrow"


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
    model = _loaded(kernel.artifact, kernel.seed)
    scorer = model.scorer(kernel.horizons_days, kernel.cut.as_of)
    customers = model.inputs.bulk(read(log, number), kernel.cut, kernel.zone)
    described = _described(customers, log, differs_by(model.model))
    with pa.OSFile(str(to), "wb") as sink, pa.ipc.new_file(sink, FORECAST) as file:
        for batch in scorer.forecast(described):
            file.write_batch(batch)
    return scorer.partial_totals.to_bytes()


def write_attributes(stored: pa.Table, log: Path) -> None:
    """Leaves customers' attributes beside the log, for models whose customers differ by them."""
    with pa.OSFile(str(log / ATTRIBUTES_FILE), "wb") as sink, pa.ipc.new_file(sink, stored.schema) as file:
        file.write_table(stored)


def _described(customers: Iterable[pa.RecordBatch], log: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Histories with the columns that the model differs by."""
    stored = None
    for batch in customers:
        if all(name in batch.schema.names for name in columns):
            yield batch
            continue
        if stored is None:
            stored = pa.ipc.open_file(pa.memory_map(str(log / ATTRIBUTES_FILE))).read_all()
        mine = stored.filter(pc.is_in(stored[c.CUSTOMER_ID], value_set=batch.column(c.CUSTOMER_ID)))
        yield from with_attributes(pa.Table.from_batches([batch]), mine, columns).combine_chunks().to_batches()


@lru_cache(maxsize=1)
def _loaded(artifact: bytes, seed: int) -> Ready:
    """The model and its tables, which the buckets of a worker share: customers of the next have mostly the same x."""
    return ready(load(artifact), seed)


def begin() -> None:
    """Ties a worker to the process that started it: Ctrl-C is for that one, and its end, however it came, is ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nothing to tidy up: what a worker writes is read by nobody but its parent
