"""Journey plans: written once, read while their run is published or they have none."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Row, Select, or_, select
from sqlalchemy import insert as insert_into

from farview.core.errors import NotFound
from farview.store import bulk, registry
from farview.store.tables_models import MODELS
from farview.store.tables_plans import PLAN_RUNS, PLAN_TOUCHES, PLANS
from farview.store.values import NewPlan, PlanPage, PlanTouch, StoredPlan

_FIGURES = (
    "probability",
    "probability_low",
    "probability_high",
    "probability_without",
    "expected_value",
    "expected_cost",
    "optimality_gap",
    "evidence",
)
_TOUCHES = pa.schema(
    [
        pa.field("plan_id", pa.int64()),
        pa.field("position", pa.int32()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("channel", pa.string()),
        pa.field("hazard", pa.float64()),
        pa.field("reached", pa.float64()),
        pa.field("cost", pa.float64()),
    ]
)


def add(connection: Connection, plan: NewPlan, *, who: str) -> StoredPlan:
    """See Writer.add_plan."""
    (stored,) = insert(connection, [plan], plan_run_id=None, who=who)
    return stored


def insert(
    connection: Connection, plans: Sequence[NewPlan], *, plan_run_id: int | None, who: str | None
) -> list[StoredPlan]:
    """Adds plans in their order.

    Raises:
        NotFound: a plan names a model version that is not registered.
    """
    if not plans:
        return []
    now = datetime.now(UTC)
    models = {name: registry.key_of_name(connection, name) for name in {plan.model_version for plan in plans}}
    rows = [
        {
            "plan_run_id": plan_run_id,
            "customer_id": plan.customer_id,
            "model_version_id": models[plan.model_version],
            "planned_at": plan.planned_at,
            "request": json.dumps(dict(plan.request), sort_keys=True),
            "who": who,
            "created_at": now,
            **{name: getattr(plan, name) for name in _FIGURES},
        }
        for plan in plans
    ]
    keyed = insert_into(PLANS).returning(PLANS.c.plan_id, sort_by_parameter_order=True)
    ids = connection.execute(keyed, rows).scalars().all()
    touches = [
        (plan_id, touch.position, touch.time, touch.channel, touch.hazard, touch.reached, touch.cost)
        for plan_id, plan in zip(ids, plans, strict=True)
        for touch in plan.touches
    ]
    if touches:
        columns = zip(zip(*touches, strict=True), _TOUCHES, strict=True)
        arrays = [pa.array(column, field.type) for column, field in columns]
        bulk.insert(connection, "plan_touches", pa.RecordBatch.from_arrays(arrays, schema=_TOUCHES))
    return [StoredPlan(plan_id, plan_run_id, now, plan) for plan_id, plan in zip(ids, plans, strict=True)]


def one(engine: Engine, plan_id: int) -> StoredPlan:
    """See Store.plan."""
    with engine.connect() as connection:
        found = _read(connection, _visible().where(PLANS.c.plan_id == plan_id))
    if not found:
        raise NotFound("plan", str(plan_id), "only plans of one call or of a published run can be read")
    return found[0]


def page(engine: Engine, customer_id: str | None, page_size: int, after: int | None) -> PlanPage:
    """See Store.list_plans. Keyset paging: a later page costs what the first does."""
    query = _visible().order_by(PLANS.c.plan_id.desc()).limit(page_size + 1)
    if customer_id is not None:
        query = query.where(PLANS.c.customer_id == customer_id)
    if after is not None:
        query = query.where(PLANS.c.plan_id < after)
    with engine.connect() as connection:
        found = _read(connection, query)
    rows = tuple(found[:page_size])
    return PlanPage(rows, rows[-1].plan_id if len(found) > page_size else None)


def _visible() -> Select[Any]:
    return (
        select(PLANS, MODELS.c.kind, MODELS.c.version)
        .join(MODELS, MODELS.c.model_version_id == PLANS.c.model_version_id)
        .outerjoin(PLAN_RUNS, PLAN_RUNS.c.plan_run_id == PLANS.c.plan_run_id)
        .where(or_(PLANS.c.plan_run_id.is_(None), PLAN_RUNS.c.status == "published"))
    )


def _read(connection: Connection, query: Select[Any]) -> list[StoredPlan]:
    rows = connection.execute(query).all()
    touches: dict[int, list[PlanTouch]] = {row.plan_id: [] for row in rows}
    of_plans = select(PLAN_TOUCHES).where(PLAN_TOUCHES.c.plan_id.in_(list(touches)))
    for plan_id, *touch in connection.execute(of_plans.order_by(PLAN_TOUCHES.c.plan_id, PLAN_TOUCHES.c.position)):
        touches[plan_id].append(PlanTouch(*touch))
    return [_value(row, tuple(touches[row.plan_id])) for row in rows]


def _value(row: Row[Any], touches: tuple[PlanTouch, ...]) -> StoredPlan:
    plan = NewPlan(
        customer_id=row.customer_id,
        model_version=f"{row.kind}/{row.version}",
        planned_at=row.planned_at,
        request=json.loads(row.request),
        touches=touches,
        **{name: getattr(row, name) for name in _FIGURES},
    )
    return StoredPlan(row.plan_id, row.plan_run_id, row.created_at, plan)
