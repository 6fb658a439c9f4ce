"""Forecast runs."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, select, update

from farview.core.errors import NotFound
from farview.core.schemas import FORECAST
from farview.store import audit, bulk, registry, staging, totals
from farview.store.engine import write
from farview.store.staging import Stage
from farview.store.tables_forecasts import FORECASTS, RUNS
from farview.store.tables_models import ALIASES, MODELS
from farview.store.values import ForecastRun, RunSpec

STAGE = Stage(RUNS, FORECASTS)
"""Where forecasts are staged."""
_ROWS_AT_ONCE = 16_384  # of a part on their way into the database


def begin(engine: Engine, spec: RunSpec, parts: int) -> ForecastRun:
    """See Store.begin_run."""
    key = staging.Key(spec.kind, spec.model_version, spec.as_of, spec.snapshot_hash, spec.config_hash)
    resumed = write(engine, lambda connection: _resume(connection, key))
    if resumed is not None:
        return _value(resumed)
    known = {
        "known_at": spec.known_at,
        "horizons_days": json.dumps(spec.horizons_days),
        "seed": spec.seed,
        "parts": parts,
    }
    return _value(staging.begin(engine, STAGE, key, known))


def sums(engine: Engine, run: ForecastRun) -> bytes | None:
    """See Store.staged_sums."""
    with engine.connect() as connection:
        query = select(RUNS.c.sums).where(RUNS.c.run_id == run.run_id)
        stored: bytes | None = connection.execute(query).scalar_one_or_none()
    return stored


def stage(engine: Engine, run: ForecastRun, part: int, rows: pa.Table, sums_so_far: bytes) -> None:
    """See Store.stage."""

    def work(connection: Connection) -> None:
        only, also = RUNS.c.parts_staged == part, {"parts_staged": part + 1, "sums": sums_so_far}
        staging.hold(connection, STAGE, run.run_id, rows.num_rows, only=and_(_own(run), only), also=also)
        for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
            mine = pa.array([run.run_id] * batch.num_rows, pa.int64())
            bulk.insert(connection, "forecasts", batch.select(FORECAST.names).append_column("run_id", mine))

    write(engine, work)


def publish(engine: Engine, run: ForecastRun, group_totals: pa.Table, who: str) -> ForecastRun:
    """See Store.publish."""
    complete = and_(_own(run), RUNS.c.parts_staged == RUNS.c.parts)

    def work(connection: Connection) -> ForecastRun:
        published_run = _value(staging.publish(connection, STAGE, run.run_id, only=complete, also={"sums": None}))
        totals.insert(connection, run.run_id, group_totals)
        audit.append(connection, who, "publish", {f"runs/{run.run_id}": {}})
        return published_run

    return write(engine, work)


def latest(engine: Engine, kind: str) -> ForecastRun | None:
    """See Store.latest_run."""
    with engine.connect() as connection:
        return served(connection, kind)


def served(connection: Connection, kind: str) -> ForecastRun | None:
    """The run that is served by what the connection sees."""
    is_champion = and_(
        ALIASES.c.kind == MODELS.c.kind,
        ALIASES.c.version == MODELS.c.version,
        ALIASES.c.alias == registry.CHAMPION,
    )
    query = (
        staging.published(STAGE)
        .where(MODELS.c.kind == kind)
        .outerjoin(ALIASES, is_champion)
        .order_by(None)
        .order_by(RUNS.c.as_of.desc(), ALIASES.c.alias.is_(None), RUNS.c.published_at.desc(), RUNS.c.run_id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _value(row)


def published(engine: Engine, run_id: int) -> ForecastRun:
    """See Store.run."""
    with engine.connect() as connection:
        row = connection.execute(staging.published(STAGE).where(RUNS.c.run_id == run_id)).one_or_none()
    if row is None:
        raise NotFound("forecast run", str(run_id), "only published runs can be read")
    return _value(row)


def require_published(connection: Connection, run_id: int) -> None:
    """Every read of forecasts and totals begins with this, so staged rows have no readers. Raises NotFound."""
    query = select(RUNS.c.run_id).where(RUNS.c.run_id == run_id, RUNS.c.status == "published")
    if connection.execute(query).one_or_none() is None:
        raise NotFound("forecast run", str(run_id), "only published runs can be read")


def every(engine: Engine, kind: str) -> list[ForecastRun]:
    """See Store.runs."""
    with engine.connect() as connection:
        return newest_first(connection, kind)


def newest_first(connection: Connection, kind: str) -> list[ForecastRun]:
    """Published runs, last published first."""
    return [_value(row) for row in connection.execute(staging.published(STAGE).where(MODELS.c.kind == kind))]


def _resume(connection: Connection, key: staging.Key) -> Row[Any] | None:
    """The run of that key that a dead job left, now this job's; should the other still live, its next write fails."""
    query = staging.query(STAGE).where(staging.same_key(STAGE, key), RUNS.c.status == "staging")
    found = connection.execute(query.with_only_columns(RUNS.c.run_id)).scalar_one_or_none()
    if found is None:
        return None
    mine = update(RUNS).where(RUNS.c.run_id == found, RUNS.c.status == "staging")
    taken = connection.execute(mine.values(attempt=RUNS.c.attempt + 1, staged_at=datetime.now(UTC))).rowcount == 1
    return connection.execute(staging.query(STAGE).where(RUNS.c.run_id == found)).one() if taken else None


def _own(run: ForecastRun) -> ColumnElement[bool]:
    """Whether the run is still that of the job that began it so."""
    return RUNS.c.attempt == run.attempt


def _value(row: Row[Any]) -> ForecastRun:
    spec = RunSpec(
        kind=row.kind,
        model_version=row.version,
        as_of=row.as_of,
        known_at=row.known_at,
        snapshot_hash=row.snapshot_hash,
        config_hash=row.config_hash,
        horizons_days=tuple(json.loads(row.horizons_days)),
        seed=row.seed,
    )
    return ForecastRun(
        run_id=row.run_id,
        spec=spec,
        status=row.status,
        forecasts=row.rows_staged,
        created_at=row.created_at,
        published_at=row.published_at,
        parts=row.parts,
        parts_staged=row.parts_staged,
        attempt=row.attempt,
    )
