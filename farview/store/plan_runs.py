"""Runs of journey plans."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row

from farview.store import audit, plans, staging
from farview.store.engine import write
from farview.store.staging import Stage
from farview.store.tables_plans import PLAN_RUNS, PLANS
from farview.store.values import JOURNEYS, NewPlan, PlanRun, PlanRunSpec

_STAGE = Stage(PLAN_RUNS, PLANS)


def begin(engine: Engine, spec: PlanRunSpec) -> PlanRun:
    """See Store.begin_plan_run."""
    key = staging.Key(JOURNEYS, spec.model_version, spec.as_of, spec.snapshot_hash, spec.config_hash)
    return _value(staging.begin(engine, _STAGE, key, {"known_at": spec.known_at}))


def stage(engine: Engine, plan_run_id: int, new: Sequence[NewPlan]) -> None:
    """See Store.stage_plans."""

    def work(connection: Connection) -> None:
        staging.hold(connection, _STAGE, plan_run_id, len(new))
        plans.insert(connection, new, plan_run_id=plan_run_id, who=None)

    write(engine, work)


def publish(engine: Engine, plan_run_id: int, who: str) -> PlanRun:
    """See Store.publish_plans."""

    def work(connection: Connection) -> PlanRun:
        run = _value(staging.publish(connection, _STAGE, plan_run_id))
        audit.append(connection, who, "publish", {f"plan-runs/{plan_run_id}": {}})
        return run

    return write(engine, work)


def every(engine: Engine) -> list[PlanRun]:
    """See Store.plan_runs."""
    with engine.connect() as connection:
        return [_value(row) for row in connection.execute(staging.published(_STAGE))]


def _value(row: Row[Any]) -> PlanRun:
    spec = PlanRunSpec(row.version, row.as_of, row.known_at, row.snapshot_hash, row.config_hash)
    return PlanRun(row.plan_run_id, spec, row.status, row.rows_staged, row.created_at, row.published_at)
