"""Published runs that nobody needs any more."""

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, update

from farview.store import audit, runs, staging
from farview.store.engine import write
from farview.store.tables_forecasts import RUNS, TOTALS_TABLE
from farview.store.values import ForecastRun


def prune(engine: Engine, kind: str, keep: int, who: str) -> list[ForecastRun]:
    """See Store.prune_runs.

    The runs are closed to readers at once; their rows go in short transactions after that. Should this process die in
    between, the next scoring removes the rest.
    """
    closed = write(engine, lambda connection: _close(connection, kind, keep, who))
    for run in closed:
        staging.remove(engine, runs.STAGE, run.run_id)
    gone = delete(RUNS).where(RUNS.c.run_id.in_([run.run_id for run in closed]), RUNS.c.status == "abandoned")
    write(engine, lambda connection: connection.execute(gone).close())
    return closed


def _close(connection: Connection, kind: str, keep: int, who: str) -> list[ForecastRun]:
    served = runs.served(connection, kind)
    old = [run for run in runs.newest_first(connection, kind)[keep:] if run != served]
    ids = [run.run_id for run in old]
    connection.execute(delete(TOTALS_TABLE).where(TOTALS_TABLE.c.run_id.in_(ids)))
    closed = {"status": "abandoned", "published_at": None, "staged_at": datetime.now(UTC)}
    connection.execute(update(RUNS).where(RUNS.c.run_id.in_(ids)).values(closed))
    about = {
        f"runs/{run.run_id}": {"as_of": run.spec.as_of.isoformat(), "model": run.model_name, "keep": keep}
        for run in old
    }
    audit.append(connection, who, "prune", about)
    return old
