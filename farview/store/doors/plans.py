"""A door of the store. Plans, and runs of them."""

from collections.abc import Sequence

from sqlalchemy import Engine

from farview.store import plan_runs, plans
from farview.store.values import NewPlan, PlanPage, PlanRun, PlanRunSpec, StoredPlan


class PlansDoor:
    """Plans, and runs of them."""

    _engine: Engine

    def plan(self, plan_id: int) -> StoredPlan:
        """Raises NotFound."""
        return plans.one(self._engine, plan_id)

    def list_plans(self, *, customer_id: str | None, page_size: int, after: int | None) -> PlanPage:
        """One page of a customer's plans, or of all, newest first; `after` is that of the page before, or None."""
        return plans.page(self._engine, customer_id, page_size, after)

    def begin_plan_run(self, spec: PlanRunSpec) -> PlanRun:
        """The published run of that key, or a new one to stage into; as begin_run.

        Raises:
            NotFound: no such version of a journeys model.
        """
        return plan_runs.begin(self._engine, spec)

    def stage_plans(self, run: PlanRun, new: Sequence[NewPlan]) -> None:
        """Adds plans to a run that is not published. One transaction a call.

        Raises:
            Conflict: the run was begun again by another job, or published.
        """
        plan_runs.stage(self._engine, run.plan_run_id, new)

    def publish_plans(self, run: PlanRun, *, who: str) -> PlanRun:
        """Makes a run of plans visible.

        Raises:
            Conflict: the run was begun again by another job, or published.
        """
        return plan_runs.publish(self._engine, run.plan_run_id, who)

    def plan_runs(self) -> list[PlanRun]:
        """Published runs of plans, newest first."""
        return plan_runs.every(self._engine)
