"""Forecast runs."""

import json
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Row, and_, select

from farview.core.errors import NotFound
from farview.core.schemas import FORECAST
from farview.store import audit, bulk, registry, staging, totals
from farview.store.engine import write
from farview.store.staging import Stage
from farview.store.tables_forecasts import FORECASTS, RUNS
from farview.store.tables_models import ALIASES, MODELS
from farview.store.values import ForecastRun, RunSpec

_STAGE = Stage(RUNS, FORECASTS)


def begin(engine: Engine, spec: RunSpec) -> ForecastRun:
    """See Store.begin_run."""
    key = staging.Key(spec.kind, spec.model_version, spec.as_of, spec.snapshot_hash, spec.config_hash)
    known = {
        "known_at": spec.known_at,
        "horizons_days": json.dumps(spec.horizons_days),
        "seed": spec.seed,
    }
    return _value(staging.begin(engine, _STAGE, key, known))


def stage(engine: Engine, run_id: int, batch: pa.RecordBatch) -> None:
    """See Store.stage."""
    rows = batch.select(FORECAST.names).append_column("run_id", pa.array([run_id] * batch.num_rows, pa.int64()))

    def work(connection: Connection) -> None:
        staging.hold(connection, _STAGE, run_id, rows.num_rows)
        bulk.insert(connection, "forecasts", rows)

    write(engine, work)


def publish(engine: Engine, run_id: int, group_totals: pa.Table, who: str) -> ForecastRun:
    """See Store.publish."""

    def work(connection: Connection) -> ForecastRun:
        published_run = _value(staging.publish(connection, _STAGE, run_id))
        totals.insert(connection, run_id, group_totals)
        audit.append(connection, who, "publish", {f"runs/{run_id}": {}})
        return published_run

    return write(engine, work)


def latest(engine: Engine, kind: str) -> ForecastRun | None:
    """See Store.latest_run."""
    is_champion = and_(
        ALIASES.c.kind == MODELS.c.kind,
        ALIASES.c.version == MODELS.c.version,
        ALIASES.c.alias == registry.CHAMPION,
    )
    query = (
        staging.published(_STAGE)
        .where(MODELS.c.kind == kind)
        .outerjoin(ALIASES, is_champion)
        .order_by(None)
        .order_by(RUNS.c.as_of.desc(), ALIASES.c.alias.is_(None), RUNS.c.published_at.desc(), RUNS.c.run_id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _value(row)


def published(engine: Engine, run_id: int) -> ForecastRun:
    """See Store.run."""
    with engine.connect() as connection:
        row = connection.execute(staging.published(_STAGE).where(RUNS.c.run_id == run_id)).one_or_none()
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
        return [_value(row) for row in connection.execute(staging.published(_STAGE).where(MODELS.c.kind == kind))]


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
    return ForecastRun(row.run_id, spec, row.status, row.rows_staged, row.created_at, row.published_at)
