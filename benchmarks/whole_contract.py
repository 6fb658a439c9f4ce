"""The whole contract for many customers, two processes: `python -m benchmarks.whole_contract [CUSTOMERS...]`.

Asked: 1,000,000 customers at three horizons, purchases and value, within 60 s on 2 cores; time linear and memory flat
from 10^5 to 10^7 (default sizes 100,000 and 1,000,000). Customers are simulated, and made RFM rows in files beforehand,
which is not timed: `farview score` with import and features is `benchmarks.bulk`. Workers are warm and compilation is
not timed. FARVIEW_BENCH_MODEL names the model (default bg_nbd).
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from farview.core.clock import Cut
from farview.features.rfm import rfm
from farview.simulation.bg_nbd import Span, simulate_events
from ltv.fit import fit
from ltv.model import LtvModel
from ltv.registered import load
from ltv.scorer import Scorer
from ltv.tables import Tables

HORIZONS_DAYS = (91, 182, 273)
SIZES = (100_000, 1_000_000)
FIT_CUSTOMERS = 20_000
SPAN = Span(arriving_days=365, days=730)  # two years: histories that repeat less than CDNOW's
AS_OF = SPAN.start + timedelta(days=SPAN.days - 1)
PROCESSES = 2
MODEL = os.environ.get("FARVIEW_BENCH_MODEL", "bg_nbd")
GROUPS_A_FILE = 4  # blocks of the simulation

_warm: list[tuple[LtvModel, Tables]] = []  # of this worker


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or SIZES
    table = Table(
        "customers",
        "seconds",
        "µs of a core a customer",
        "peak MB a process",
        title=f"{MODEL}: whole contract, 3 horizons",
    )
    with tempfile.TemporaryDirectory() as folder:
        files = simulated(Path(folder), max(sizes))
        model = fit(pa.concat_tables(pq.read_table(path) for path, _ in files[:1]).slice(0, FIT_CUSTOMERS), model=MODEL)
        for size in sizes:
            seconds, peak, customers = timed(model.to_artifact(), taken(files, size))
            table.add_row(
                f"{customers:,}", f"{seconds:.1f}", f"{1e6 * PROCESSES * seconds / customers:.0f}", f"{peak:,.0f}"
            )
    Console().print(table)


def simulated(folder: Path, customers: int) -> list[tuple[Path, int]]:
    """RFM rows in files, with how many each holds; one file's events in memory at a time."""
    files = []
    for number, events in enumerate(_grouped(customers)):
        rows = rfm(events, Cut(AS_OF, datetime.now(UTC)), "UTC").read_all()
        path = folder / f"{number}.parquet"
        pq.write_table(rows, path)
        files.append((path, rows.num_rows))
    return files


def _grouped(customers: int) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in simulate_events(customers, seed=1, span=SPAN):
        held.append(batch)
        if len(held) == GROUPS_A_FILE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def taken(files: list[tuple[Path, int]], customers: int) -> list[tuple[Path, int]]:
    """The first files, up to so many customers in all."""
    some = []
    for path, rows in files:
        if customers <= 0:
            break
        some.append((path, min(rows, customers)))
        customers -= rows
    return some


def timed(artifact: bytes, work: list[tuple[Path, int]]) -> tuple[float, float, int]:
    """Seconds of all files in two warm processes of their own, the larger peak memory, and the customers."""
    context = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, initializer=begin, initargs=(artifact, work[0][0])) as pool:
        list(pool.map(idle, [1.0] * PROCESSES))  # both have begun
        started = time.perf_counter()
        done = list(pool.map(score, [path for path, _ in work], [rows for _, rows in work]))
        seconds = time.perf_counter() - started
    return seconds, max(peak for _, peak in done), sum(rows for rows, _ in done)


def begin(artifact: bytes, path: Path) -> None:
    """Loads the model and runs its kernels once."""
    model = load(artifact)
    _warm.append((model, Tables(model, 1)))
    score(path, 500)


def idle(seconds: float) -> None:
    """Keeps one worker so that the other begins too."""
    time.sleep(seconds)


def score(path: Path, rows: int) -> tuple[int, float]:
    """Forecasts of the first rows of a file; the customers forecast and this process's peak memory in MB."""
    model, tables = _warm[0]
    scorer = Scorer(model, HORIZONS_DAYS, AS_OF, 1, tables)
    made = sum(batch.num_rows for batch in scorer.forecast(pq.read_table(path).slice(0, rows).to_batches()))
    scorer.totals()
    return made // len(HORIZONS_DAYS), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
