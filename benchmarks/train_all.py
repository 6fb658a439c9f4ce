"""All value models on full CDNOW, and a run of simulated customers scored by the winner.

`python -m benchmarks.train_all` prints the seconds and processor seconds of `train ltv` without a model named (asked: 3
minutes on 2 cores) and why the winner won; `--score 1000000` then scores that many simulated customers by it, or by
`--model`, bucket by bucket, with the peak memory (asked: 3 minutes on 2 cores, flat).
"""

import argparse
import resource
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from benchmarks.cdnow import CALIBRATION_END, CDNOW
from farview.core.clock import Cut
from farview.simulation.bg_nbd import Span, simulate_events
from farview.store.migrate import upgrade
from farview.store.store import Store
from farview.store.values import Business
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.local_engine import LocalEngine, forecasts
from jobs.local_engine_buckets import bucketed
from jobs.local_engine_worker import Kernel
from jobs.train import train_ltv
from jobs.train_best import Contest, train_best_ltv

HORIZONS_DAYS = (91, 182, 273)
SPAN = Span(arriving_days=365, days=730)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=int, metavar="CUSTOMERS", help="Score so many simulated customers too.")
    parser.add_argument("--model", help="Train and score by this one, without comparing.")
    asked = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        upgrade(url)
        store = Store.open(url)
        store.set_business(Business("UTC", "USD", consent_required=False))
        import_file(store, KINDS["transactions"], CDNOW, FileOptions(), who="bench")
        began, worked = time.perf_counter(), time.process_time()
        if asked.model:
            version = train_ltv(store, as_of=CALIBRATION_END, model=asked.model, who="bench")
        else:
            version = train_best_ltv(store, Contest(CALIBRATION_END), who="bench")
        took, core = time.perf_counter() - began, time.process_time() - worked
        size = f"{version.artifact_size_bytes / 1024:,.0f} KiB"
        console.print(f"trained {version.model} in {took:.1f} s, {core:.1f} s of a core, {size}. {version.lineage.why}")
        if asked.score:
            console.print(scored(store.artifact(version), asked.score))
        store.close()


def scored(artifact: bytes, customers: int) -> str:
    """Seconds and peak memory of forecasting simulated customers by a model, three horizons, nothing stored."""
    as_of = date(1998, 12, 31)
    kernel = Kernel(artifact, HORIZONS_DAYS, Cut(as_of, datetime.now(UTC)), "UTC", 0)
    batches = simulate_events(customers, 0, span=SPAN)
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, (batch for part in ([first], batches) for batch in part))
    engine, rows = LocalEngine(), 0
    parts = engine.buckets(customers)
    with bucketed(reader, parts) as log:
        began = time.perf_counter()
        for bucket in forecasts(engine, kernel, log, range(parts)):
            rows += bucket.forecasts.num_rows
        took = time.perf_counter() - began
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return f"scored {rows // len(HORIZONS_DAYS):,} customers in {took:.1f} s; largest process {peak / 1024:,.0f} MiB"


if __name__ == "__main__":
    main()
