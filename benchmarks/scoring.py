"""Scoring: time per customer on given RFM rows, and memory over many simulated customers.

`python -m benchmarks.scoring RFM.parquet` prints one JSON line; `--memory` a table, each size in a process of its own;
`--customers N` one size. Three horizons, the whole contract, one thread; kernels are warm, compilation is not timed.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from farview.core.clock import Cut
from farview.features.rfm import rfm
from farview.simulation.bg_nbd import Span, simulate_events
from ltv.fit import fit
from ltv.scorer import Scorer

HORIZONS_DAYS = (91, 182, 273)
FIT_CUSTOMERS = 20_000
SIZES = tuple(int(size) for size in os.environ.get("FARVIEW_BENCH_CUSTOMERS", "1000000,2000000").split(","))
SPAN = Span(arriving_days=365, days=730)  # two years: histories that repeat less than CDNOW's


def main() -> None:
    if sys.argv[1] == "--memory":
        memory()
    elif sys.argv[1] == "--customers":
        print(json.dumps(simulated(int(sys.argv[2]))))
    else:
        print(json.dumps(given(pq.read_table(sys.argv[1]))))


def given(customers: pa.Table) -> dict[str, float]:
    """Seconds of one pass over rows in memory."""
    model = fit(customers, seed=1)
    as_of = date(1997, 9, 30)
    for _ in range(2):  # the first pass warms caches
        scorer = Scorer(model, HORIZONS_DAYS, as_of, seed=1)
        started = time.perf_counter()
        scored = sum(batch.num_rows for batch in scorer.forecast(iter(customers.to_batches(max_chunksize=8192))))
        scorer.totals()
        seconds = time.perf_counter() - started
    assert scored == customers.num_rows * len(HORIZONS_DAYS)
    return {"score_microseconds": 1e6 * seconds / customers.num_rows, "peak_megabytes": _peak()}


def simulated(customers: int) -> dict[str, float]:
    """Scores a stream of simulated customers; nothing is kept but the totals."""
    as_of = SPAN.start + timedelta(days=SPAN.days - 1)
    model = fit(pa.Table.from_batches(_features(FIT_CUSTOMERS, as_of)), seed=1)
    scorer = Scorer(model, HORIZONS_DAYS, as_of, seed=1)
    rows = 0
    forecasts = scorer.forecast(_features(customers, as_of))
    started = time.perf_counter()
    for batch in forecasts:
        rows += batch.num_rows
    scorer.totals()
    seconds = time.perf_counter() - started
    return {
        "customers": rows / len(HORIZONS_DAYS),
        "microseconds_with_features": 1e6 * seconds * len(HORIZONS_DAYS) / rows,
        "peak_megabytes": _peak(),
    }


def _features(customers: int, as_of: date) -> Iterator[pa.RecordBatch]:
    cut = Cut(as_of, datetime.now(UTC))
    for events in simulate_events(customers, seed=1, span=SPAN):
        yield from rfm(pa.Table.from_batches([events]), cut, "UTC")


def memory() -> None:
    table = Table(
        "customers",
        "µs per customer, simulation and features included",
        "peak MB",
        title="Scoring simulated customers",
        title_justify="left",
    )
    for size in SIZES:
        command = [sys.executable, "-m", "benchmarks.scoring", "--customers", str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        table.add_row(f"{size:,}", f"{figures['microseconds_with_features']:.0f}", f"{figures['peak_megabytes']:,.0f}")
    Console().print(table)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
