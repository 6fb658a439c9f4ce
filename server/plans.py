"""Makes plans and roll-outs for requests: reads of the store, then the planner. Nothing is written here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from farview.core import columns as c
from farview.core.errors import FailedPrecondition, FarviewError, InvalidInput, NotFound, Violation
from farview.features.attributes import attribute_table
from farview.features.journey_log import CONVERSION
from farview.features.steps import Steps
from farview.store.store import Store
from farview.store.values import NewPlan, PlanTouch
from journeys.checker import Touch
from journeys.comparison import compare
from journeys.counterfactual import ALTERNATIVES, Counterfactual, smallest_change
from journeys.plan import Plan, PlanRequest
from journeys.planning import best_plans, histories, plan_journeys, trip
from journeys.replanning import Progress, progress, remaining
from journeys.sensitivity import break_even, shares_of
from server.convert.journey_requests import Defaults, PlanJourney, require_channels
from server.convert.simulation_requests import SimulateJourneys
from server.journeys import LoadedModel, ServedJourneys


@dataclass(frozen=True, slots=True)
class Made:
    """A plan, and what was asked for beside it."""

    plan: NewPlan
    alternatives: tuple[NewPlan, ...] = ()
    counterfactual: Counterfactual | None = None
    withstood: float | None = None  # factor of hidden confounding
    stands: Progress | None = None  # the plan that this one goes on from


class _Read(NamedTuple):
    """What the store knows of customers, as the model reads it."""

    loaded: LoadedModel
    log: pa.Table  # before the present
    steps: Steps
    attributes: pa.Table
    zones: dict[str, str | None]
    denied: dict[str, frozenset[str]]


class Plans:
    """Plans by the served model."""

    def __init__(self, store: Store, served: ServedJourneys) -> None:
        self._store = store
        self._served = served

    def make(self, wanted: Sequence[PlanJourney], now: datetime) -> list[Made | FarviewError]:
        """The plan of each request, or why there is none; see the contract.

        Those of one present and consent purpose are read, and planned, together.

        Raises:
            FailedPrecondition: there is no journey model.
        """
        loaded = self._served.current()
        answers: dict[int, Made | FarviewError] = {}
        together: dict[tuple[datetime, str], list[int]] = {}
        for number, asked in enumerate(wanted):
            present = asked.plan_time or now
            try:
                require_channels(asked, loaded.channels)
                if asked.replaces_plan_id:
                    answers[number] = self._go_on(loaded, asked, (present, now))
                else:
                    together.setdefault((present, asked.consent_purpose), []).append(number)
            except FarviewError as error:
                answers[number] = error
        for (present, purpose), numbers in together.items():
            some = [wanted[number] for number in numbers]
            read = self._read(loaded, list({asked.customer_id: 0 for asked in some}), (present, now), purpose)
            answers |= zip(numbers, _made(read, some, (present, purpose)), strict=True)
        return [answers[number] for number in range(len(wanted))]

    def simulate(self, asked: SimulateJourneys, now: datetime) -> tuple[dict[str, Any], tuple[str, str]]:
        """The report of `journeys.comparison.compare`, with the model version and its evidence."""
        loaded, present = self._served.current(), asked.plan_time or now
        require_channels(asked, loaded.channels)
        read = self._read(loaded, asked.customer_ids, (present, now), asked.consent_purpose)
        requests = [
            asked.for_planner(name, present, read.denied.get(name, frozenset()), _defaults(read, name))
            for name in asked.customer_ids
        ]
        plans = plan_journeys(loaded.model, read.steps, read.attributes, requests)
        for plan in plans:
            if isinstance(plan, FarviewError):
                raise plan
        ready = trip(loaded.model, read.steps, read.attributes, requests)
        report = compare(loaded.model, ready, plans, asked.what_if, asked.seed)
        return report, (loaded.version.name, loaded.model.about.evidence)

    def _go_on(self, loaded: LoadedModel, asked: PlanJourney, times: tuple[datetime, datetime]) -> Made:
        """What follows a stored plan of which some touches were sent and others missed."""
        present, _ = times
        number = asked.replaces_plan_id
        stored = self._store.plan(int(number)) if number.isdecimal() and len(number) <= 18 else None
        if stored is None or stored.plan.customer_id != asked.customer_id:
            raise NotFound("plan", number)
        before, purpose = stored.plan, stored.plan.request["consent_purpose"]
        read = self._read(loaded, [asked.customer_id], times, purpose)
        since = [row for row in read.log.to_pylist() if row[c.TIME] >= before.planned_at]
        if any(row[c.INTERACTION] == CONVERSION for row in since):
            raise FailedPrecondition(f"the customer converted since plan {number} was made; ask for a new plan")
        happened = [Touch(row[c.TIME], row[c.CHANNEL]) for row in since]
        stands = progress([Touch(touch.time, touch.channel) for touch in before.touches], sorted(happened), present)
        request = remaining(PlanRequest.from_data(asked.customer_id, before.request), stands, present)
        if request is None:
            raise FailedPrecondition(f"all touches that plan {number} may have were sent; ask for a new plan")
        denied = read.denied.get(asked.customer_id, frozenset())
        request = replace(
            request,
            constraints=replace(request.constraints, denied=denied),
            first_at=asked.first_touch_time or request.first_at,
        )
        made = _planned(read, [(asked, request)], (present, purpose))[0]
        if isinstance(made, FarviewError):
            raise made
        return replace(made, stands=stands)

    def _read(self, loaded: LoadedModel, names: Sequence[str], times: tuple[datetime, datetime], purpose: str) -> _Read:
        (present, now), about = times, loaded.model.about
        stored, log = self._store.attributes(list(names)), self._store.touchpoints_of(list(names), present)
        zones = zip(stored[c.CUSTOMER_ID].to_pylist(), stored["time_zone"].to_pylist(), strict=True)
        return _Read(
            loaded=loaded,
            log=log,
            steps=histories(about, log, present),
            attributes=attribute_table(stored, about.context.kinds),
            zones=dict(zones),
            denied=self._store.denied_channels(list(names), loaded.channels, purpose=purpose, at=now),
        )


def _made(read: _Read, wanted: Sequence[PlanJourney], when: tuple[datetime, str]) -> list[Made | FarviewError]:
    """The plans of requests of one present and purpose."""
    answers: dict[int, Made | FarviewError] = {}
    ready: list[tuple[PlanJourney, PlanRequest]] = []
    for number, asked in enumerate(wanted):
        name = asked.customer_id
        try:
            request = asked.for_planner(when[0], read.denied.get(name, frozenset()), _defaults(read, name))
        except InvalidInput as error:
            answers[number] = error
        else:
            ready.append((asked, request))
    planned = iter(_planned(read, ready, when))
    return [answers[number] if number in answers else next(planned) for number in range(len(wanted))]


def _planned(
    read: _Read, ready: Sequence[tuple[PlanJourney, PlanRequest]], when: tuple[datetime, str]
) -> list[Made | FarviewError]:
    """The same of what the planner takes; those that want as many plans are searched for in one batch."""
    answers: dict[int, Made | FarviewError] = {}
    alike: dict[int, list[int]] = {}
    for number, (asked, _) in enumerate(ready):
        alike.setdefault(ALTERNATIVES if asked.explained else asked.alternative_count, []).append(number)
    for more, numbers in alike.items():
        requests = [ready[number][1] for number in numbers]
        found = best_plans(read.loaded.model, read.steps, read.attributes, requests, best=1 + more)
        for number, plans in zip(numbers, found, strict=True):
            made = _own(plans) if isinstance(plans, FarviewError) else _beside(read, ready[number], plans, when)
            answers[number] = made
    return [answers[number] for number in range(len(ready))]


def _beside(
    read: _Read, wanted: tuple[PlanJourney, PlanRequest], plans: tuple[Plan, ...], when: tuple[datetime, str]
) -> Made:
    """The best plan, and what was asked for beside it."""
    asked, request = wanted
    stored = [_to_store(plan, request, read.loaded, when) for plan in plans[: 1 + asked.alternative_count]]
    made = Made(stored[0], tuple(stored[1:]))
    if not asked.explained:
        return made

    def at_other_prices(changed: PlanRequest) -> Plan | None:
        found = best_plans(read.loaded.model, read.steps, read.attributes, [changed], best=1 + ALTERNATIVES)[0]
        return None if isinstance(found, FarviewError) else found[0]  # dearer touches may leave none in the budget

    change = smallest_change(request, plans, at_other_prices)
    return replace(made, counterfactual=change, withstood=_withstood(read, request, plans[0]))


def _own(error: FarviewError) -> FarviewError:
    """The planner numbers the requests that it is given; a caller's fields begin after that."""
    if not isinstance(error, InvalidInput):
        return error
    return InvalidInput(*(Violation(each.field.partition("].")[2], each.problem) for each in error.violations))


def _withstood(read: _Read, request: PlanRequest, plan: Plan) -> float | None:
    about, steps = read.loaded.model.about, read.steps
    if about.evidence == "randomised":
        return None
    channels, last = (*about.vocabulary.channels, ""), None
    if request.customer_id in steps.customer_ids:
        last = channels[int(steps.channel[steps.offsets[steps.customer_ids.index(request.customer_id) + 1] - 1])]
    return break_even(plan, request.worth, shares_of(about.support, about.vocabulary.channels, last, plan))


def _defaults(read: _Read, customer_id: str) -> Defaults:
    gap_hours = read.loaded.model.about.timing.gap_hours
    return Defaults(read.loaded.mean_conversion_value, gap_hours, read.zones.get(customer_id))


def _to_store(plan: Plan, request: PlanRequest, loaded: LoadedModel, when: tuple[datetime, str]) -> NewPlan:
    present, purpose = when
    return NewPlan(
        customer_id=plan.customer_id,
        model_version=loaded.version.name,
        planned_at=present,
        request=request.as_data() | {"consent_purpose": purpose},
        touches=tuple(PlanTouch(**asdict(touch)) for touch in plan.touches),
        **plan.figures(),
    )
