"""Treatments inside a cut, and the effects that models foresee: published as a whole, the latest run read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine, Float, cast, delete, func, insert, select

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.schemas import TREATMENT_EFFECTS as EFFECTS
from farview.core.schemas import TREATMENTS as SCHEMA
from farview.store import as_known, audit, bulk, registry
from farview.store.engine import write
from farview.store.tables_models import MODELS
from farview.store.tables_treatments import EFFECT_RUNS, TREATMENT_EFFECTS, TREATMENTS
from farview.store.values import ModelVersion


@dataclass(frozen=True, slots=True)
class EffectRun:
    """A scoring of customers by a model of effects."""

    effect_run_id: int
    model_name: str  # "uplift/2"
    as_of: date
    customers: int
    created_at: datetime


def read(engine: Engine, cut: Cut, zone: str) -> pa.Table:
    """See Store.treatments."""
    outcome = cast(TREATMENTS.c.outcome, Float(53))
    columns = (outcome if name == "outcome" else TREATMENTS.c[name] for name in SCHEMA.names)
    query = select(*columns).where(as_known.visible(TREATMENTS, cut, zone))
    with engine.connect() as connection:
        found = bulk.read_table(connection, query, SCHEMA)
    return found.sort_by([(name, "ascending") for name in (c.CUSTOMER_ID, c.TIME, "action")])


def publish_effects(
    engine: Engine, model: ModelVersion, as_of: date, batches: Iterable[pa.RecordBatch], *, who: str
) -> EffectRun:
    """See Store.publish_effects."""
    unread = iter(batches)

    def work(connection: Connection) -> EffectRun:
        key, now = registry.key_of(connection, model.kind, model.version), datetime.now(UTC)
        row = {"model_version_id": key, "as_of": as_of, "customers": 0, "created_at": now}
        run_id = connection.execute(insert(EFFECT_RUNS).values(row).returning(EFFECT_RUNS.c.effect_run_id)).scalar_one()
        for batch in unread:
            numbered = batch.add_column(0, "effect_run_id", pa.array([run_id] * batch.num_rows, pa.int64()))
            bulk.insert(connection, TREATMENT_EFFECTS.name, numbered)
        stored = select(func.count(TREATMENT_EFFECTS.c.customer_id.distinct()))
        count = connection.execute(stored.where(TREATMENT_EFFECTS.c.effect_run_id == run_id)).scalar_one()
        connection.execute(EFFECT_RUNS.update().where(EFFECT_RUNS.c.effect_run_id == run_id).values(customers=count))
        connection.execute(delete(TREATMENT_EFFECTS).where(TREATMENT_EFFECTS.c.effect_run_id < run_id))
        audit.append(connection, who, "publish effects", {f"effect_runs/{run_id}": {"model": model.name}})
        return EffectRun(run_id, model.name, as_of, count, now)

    return write(engine, work, attempts=1)  # the batches can be read only once


def latest_run(engine: Engine) -> EffectRun | None:
    """See Store.latest_effect_run."""
    query = (
        select(EFFECT_RUNS, MODELS.c.kind, MODELS.c.version)
        .join(MODELS, MODELS.c.model_version_id == EFFECT_RUNS.c.model_version_id)
        .order_by(EFFECT_RUNS.c.effect_run_id.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return EffectRun(row.effect_run_id, f"{row.kind}/{row.version}", row.as_of, row.customers, row.created_at)


def effects(engine: Engine, run_id: int, action: str) -> pa.Table:
    """See Store.treatment_effects."""
    query = select(TREATMENT_EFFECTS.c.customer_id, TREATMENT_EFFECTS.c.action, TREATMENT_EFFECTS.c.effect)
    mine = TREATMENT_EFFECTS.c.effect_run_id == run_id, TREATMENT_EFFECTS.c.action == action
    with engine.connect() as connection:
        return bulk.read_table(connection, query.where(*mine).order_by(TREATMENT_EFFECTS.c.customer_id), EFFECTS)


def actions(engine: Engine, run_id: int) -> list[str]:
    """See Store.effect_actions."""
    query = select(TREATMENT_EFFECTS.c.action).where(TREATMENT_EFFECTS.c.effect_run_id == run_id).distinct()
    with engine.connect() as connection:
        return sorted(connection.execute(query).scalars())
