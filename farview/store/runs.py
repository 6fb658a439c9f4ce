"""Forecast runs: begun, staged into, published in one transaction."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, delete, insert, or_, select, update

from farview.core.errors import Conflict, NotFound
from farview.store import audit, registry, staging, totals
from farview.store.engine import write
from farview.store.tables_forecasts import RUNS
from farview.store.tables_models import ALIASES, MODELS
from farview.store.values import ForecastRun, RunSpec

DEAD_AFTER = timedelta(hours=24)  # without a staged batch


def begin(engine: Engine, spec: RunSpec) -> ForecastRun:
    """See Store.begin_run. Also removes runs of other keys that gave no sign of life for a day."""
    found = _find(engine, spec)
    if found is not None:
        return found
    for run_id in write(engine, lambda connection: _abandon(connection, spec)):
        staging.remove(engine, run_id)

    def work(connection: Connection) -> ForecastRun:
        connection.execute(delete(RUNS).where(RUNS.c.status == "abandoned"))
        return _insert(connection, spec)

    return write(engine, work)


def publish(engine: Engine, run_id: int, group_totals: pa.Table, who: str) -> ForecastRun:
    """See Store.publish. The forecasts are in place already, so this costs the same for any number of them."""

    def work(connection: Connection) -> ForecastRun:
        now = datetime.now(UTC)
        statement = update(RUNS).where(RUNS.c.run_id == run_id, RUNS.c.status == "staging")
        if connection.execute(statement.values(status="published", published_at=now)).rowcount != 1:
            raise Conflict(staging.LOST.format(run_id=run_id))
        totals.insert(connection, run_id, group_totals)
        audit.append(connection, who, "publish", {f"runs/{run_id}": {}})
        return _value(connection.execute(_query().where(RUNS.c.run_id == run_id)).one())

    return write(engine, work)


def latest(engine: Engine, kind: str) -> ForecastRun | None:
    """See Store.latest_run."""
    is_champion = and_(
        ALIASES.c.kind == MODELS.c.kind,
        ALIASES.c.version == MODELS.c.version,
        ALIASES.c.alias == registry.CHAMPION,
    )
    query = (
        _published(MODELS.c.kind == kind)
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
        row = connection.execute(_published(RUNS.c.run_id == run_id)).one_or_none()
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
        return [_value(row) for row in connection.execute(_published(MODELS.c.kind == kind))]


def _find(engine: Engine, spec: RunSpec) -> ForecastRun | None:
    with engine.connect() as connection:
        row = connection.execute(_published(_same_key(spec))).one_or_none()
    return None if row is None else _value(row)


def _same_key(spec: RunSpec) -> ColumnElement[bool]:
    return and_(
        MODELS.c.kind == spec.kind,
        MODELS.c.version == spec.model_version,
        RUNS.c.as_of == spec.as_of,
        RUNS.c.snapshot_hash == spec.snapshot_hash,
        RUNS.c.config_hash == spec.config_hash,
    )


def _abandon(connection: Connection, spec: RunSpec) -> list[int]:
    """Ids of dead runs, now closed to their jobs: should one still live, its next `stage` or `publish` fails."""
    dead = or_(_same_key(spec), RUNS.c.staged_at < datetime.now(UTC) - DEAD_AFTER, RUNS.c.status == "abandoned")
    query = select(RUNS.c.run_id).join(MODELS, MODELS.c.model_version_id == RUNS.c.model_version_id)
    ids = list(connection.execute(query.where(RUNS.c.status != "published", dead)).scalars())
    connection.execute(
        update(RUNS).where(RUNS.c.run_id.in_(ids), RUNS.c.status == "staging").values(status="abandoned")
    )
    return ids


def _insert(connection: Connection, spec: RunSpec) -> ForecastRun:
    model = select(MODELS.c.model_version_id).where(MODELS.c.kind == spec.kind, MODELS.c.version == spec.model_version)
    model_version_id = connection.execute(model).scalar_one_or_none()
    if model_version_id is None:
        raise NotFound("model", f"{spec.kind}/{spec.model_version}")
    now = datetime.now(UTC)
    row = {
        "status": "staging",
        "model_version_id": model_version_id,
        "as_of": spec.as_of,
        "known_at": spec.known_at,
        "snapshot_hash": spec.snapshot_hash,
        "config_hash": spec.config_hash,
        "horizons_days": json.dumps(spec.horizons_days),
        "seed": spec.seed,
        "rows_staged": 0,
        "created_at": now,
        "staged_at": now,
    }
    run_id = connection.execute(insert(RUNS).values(row).returning(RUNS.c.run_id)).scalar_one()
    return _value(connection.execute(_query().where(RUNS.c.run_id == run_id)).one())


def _published(*conditions: ColumnElement[bool]) -> Select[Any]:
    return (
        _query()
        .where(RUNS.c.status == "published", *conditions)
        .order_by(RUNS.c.published_at.desc(), RUNS.c.run_id.desc())
    )


def _query() -> Select[Any]:
    return select(RUNS, MODELS.c.kind, MODELS.c.version).join(
        MODELS, MODELS.c.model_version_id == RUNS.c.model_version_id
    )


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
