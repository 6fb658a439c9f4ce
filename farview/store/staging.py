"""Rows of runs that are not published yet.

Each batch is committed on its own. One transaction for the whole run would hold SQLite's only write lock for minutes
and let its WAL grow to the size of the run, 1.2 GB for a million customers and three horizons, because pages of an
open transaction cannot be written back. What makes staged rows invisible is the status of their run, not a
transaction.
"""

from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine, delete, select, update

from farview.core.errors import Conflict
from farview.core.schemas import FORECAST
from farview.store import bulk
from farview.store.engine import write
from farview.store.tables_forecasts import FORECASTS, RUNS

LOST = "run {run_id} is not open: another job began the same run again, or it is published; start over"
_CHUNK = 20_000


def stage(engine: Engine, run_id: int, batch: pa.RecordBatch) -> None:
    """See Store.stage."""
    rows = batch.select(FORECAST.names).append_column("run_id", pa.array([run_id] * batch.num_rows, pa.int64()))

    def work(connection: Connection) -> None:
        # Holds the run's row until the commit, so that nobody removes the run between this line and the insert.
        alive = update(RUNS).where(RUNS.c.run_id == run_id, RUNS.c.status == "staging")
        counted = alive.values(rows_staged=RUNS.c.rows_staged + batch.num_rows, staged_at=datetime.now(UTC))
        if connection.execute(counted).rowcount != 1:
            raise Conflict(LOST.format(run_id=run_id))
        bulk.insert(connection, "forecasts", rows)

    write(engine, work)


def remove(engine: Engine, run_id: int) -> None:
    """Deletes what an abandoned run had staged, a short transaction at a time."""
    some = select(FORECASTS.c.forecast_id).where(FORECASTS.c.run_id == run_id).limit(_CHUNK)

    def work(connection: Connection) -> int:
        return connection.execute(delete(FORECASTS).where(FORECASTS.c.forecast_id.in_(some))).rowcount

    while write(engine, work):
        pass
