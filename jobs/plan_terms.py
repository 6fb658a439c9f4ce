"""What every plan of a run is asked for, with nothing left open."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import pyarrow as pa

from farview.core import columns as c
from farview.core import schemas
from farview.core.errors import FarviewError, InvalidInput, Violation
from farview.features.attributes import attribute_table
from farview.features.steps import Steps
from farview.store.values import ModelVersion, NewPlan, PlanTouch
from jobs.snapshot import code_version
from journeys.constraints import Constraints
from journeys.plan import Plan, PlanRequest
from journeys.planning import histories, plan_journey, plan_journeys
from journeys.scorer import JourneyModel
from journeys.windows import QuietHours, WindowCap

Pair = tuple[PlanRequest, Plan]


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What plans are asked for. Amounts are in the reporting currency."""

    where: str = ""  # customers of the latest forecast run, at its longest horizon; "": every customer with a touch
    max_touches: int = 5
    caps: Mapping[str, int] = field(default_factory=dict)  # channel -> most touches
    touch_costs: Mapping[str, float] = field(default_factory=dict)  # channel -> cost; others are free
    margin: float | None = None  # of a conversion; None: the mean conversion value of the log behind the model
    gap_hours: float | None = None  # between touches; None: the median of that log
    windows: tuple[WindowCap, ...] = ()  # caps in rolling windows, past touches included
    budget: float | None = None  # for all touches of a plan; None: no limit
    quiet: str = ""  # hours of the customer's day in which nothing is sent, as 21:00-08:00; "": none
    length_cost: float = 0.0  # by which each touch must better a plan beside its cost
    consent_purpose: str = "marketing"
    after_purchase_days: float | None = None  # only who converted in so many days before the present; None: all
    margin_by_forecast: bool = False  # value of a purchase by each customer's latest forecast, where there is one
    residual_change: float = 0.0  # of what a customer is worth beyond, by a conversion; at least -margin


@dataclass(frozen=True, slots=True)
class Terms:
    """The model, the present, and the options with the model's own figures where they were silent."""

    version: ModelVersion
    model: JourneyModel[Any]
    present: datetime
    options: PlanOptions
    margin: float
    gap_hours: float

    @classmethod
    def of(cls, options: PlanOptions, version: ModelVersion, model: JourneyModel[Any], present: datetime) -> Self:
        """The checked terms.

        Raises:
            InvalidInput: an option makes no sense, or neither it nor the model knows what a conversion brings.
        """
        purpose = options.consent_purpose
        if not purpose or purpose != purpose.strip():  # no record of consent is for it, so all would be allowed
            raise InvalidInput.of("--consent-purpose", f"{purpose!r} is not the name of a purpose (marketing is one)")
        _quiet_hours(options.quiet)
        days = options.after_purchase_days
        if days is not None and not (0 < days < float("inf")):
            raise InvalidInput.of("--after-purchase", f"{days} is not a positive number of days")
        margin = version.metrics["mean_conversion_value"] if options.margin is None else options.margin
        if margin is None:
            raise InvalidInput.of("--margin", "the log behind the model told no conversion value; say what one brings")
        gap_hours = model.about.timing.gap_hours if options.gap_hours is None else options.gap_hours
        terms = cls(version, model, present, options, margin, gap_hours)
        try:
            nobody = terms.histories(schemas.TOUCHPOINTS.empty_table())
            plan_journey(model, nobody, None, terms._request("", terms._rules()))
        except InvalidInput as error:
            raise InvalidInput(*(Violation(_option(v.field), v.problem) for v in error.violations)) from None
        return terms

    @property
    def channels(self) -> tuple[str, ...]:
        """Those that can be planned with."""
        return self.model.about.vocabulary.channels

    def plan(
        self,
        log: pa.Table,
        stored: pa.Table,
        denied: Mapping[str, frozenset[str]],
        customer_ids: Sequence[str],
        margins: Mapping[str, float],
    ) -> list[Pair]:
        """A plan for each customer, with what was asked.

        Args:
            log: schemas.TOUCHPOINTS of the customers, before the present.
            stored: schemas.ATTRIBUTES of the customers.
            denied: channels by customer.
            customer_ids: in the order of the answer.
            margins: of a conversion by customer; others have that of the options.
        """
        plans = []
        requests = self.requests(stored, denied, customer_ids)
        requests = [_with_margin(each, margins.get(each.customer_id, each.margin)) for each in requests]
        attributes = attribute_table(stored, self.model.about.context.kinds)
        for plan in plan_journeys(self.model, self.histories(log), attributes, requests):
            if isinstance(plan, FarviewError):
                raise plan
            plans.append(plan)
        return list(zip(requests, plans, strict=True))

    def requests(
        self, stored: pa.Table, denied: Mapping[str, frozenset[str]], customer_ids: Sequence[str]
    ) -> list[PlanRequest]:
        """What each customer's plan is asked for; arguments as of `plan`."""
        nothing: frozenset[str] = frozenset()
        denials = [denied.get(name, nothing) for name in customer_ids]
        rules = {names: self._rules(names) for names in {*denials}}  # shared, so compiled once
        zones = dict(zip(stored[c.CUSTOMER_ID].to_pylist(), stored["time_zone"].to_pylist(), strict=True))
        return [
            self._request(name, rules[names], zones.get(name))
            for name, names in zip(customer_ids, denials, strict=True)
        ]

    def histories(self, log: pa.Table) -> Steps:
        """The touches of a log before the present, as the model reads them."""
        return histories(self.model.about, log, self.present)

    def to_store(self, pair: Pair) -> NewPlan:
        """A plan with what was asked, as the store takes it."""
        request, plan = pair
        return NewPlan(
            customer_id=plan.customer_id,
            model_version=self.version.name,
            planned_at=self.present,
            request=request.as_data() | {"consent_purpose": self.options.consent_purpose},
            touches=tuple(PlanTouch(**asdict(touch)) for touch in plan.touches),
            **plan.figures(),
        )

    def as_data(self) -> dict[str, Any]:
        """JSON data of all that changes a plan, but the model and the present."""
        return {
            **self._request("", self._rules()).as_data(),
            "consent_purpose": self.options.consent_purpose,
            "after_purchase_days": self.options.after_purchase_days,
            "margin_by_forecast": self.options.margin_by_forecast,
            "code_version": code_version(),
        }

    def _rules(self, denied: frozenset[str] = frozenset()) -> Constraints:
        asked = self.options
        return Constraints(
            asked.max_touches,
            caps=asked.caps,
            denied=denied,
            windows=asked.windows,
            budget=asked.budget,
            quiet=_quiet_hours(asked.quiet),
        )

    def _request(self, customer_id: str, rules: Constraints, zone: str | None = None) -> PlanRequest:
        asked = self.options
        return PlanRequest(
            customer_id=customer_id,
            constraints=rules,
            margin=self.margin,
            touch_costs=asked.touch_costs,
            first_at=self.present,
            gap_hours=self.gap_hours,
            length_cost=asked.length_cost,
            zone=zone,
            residual_change=asked.residual_change,
        )


def _with_margin(request: PlanRequest, margin: float) -> PlanRequest:
    """The request with a margin of its own; a conversion takes no more of what comes after it than it brings."""
    return replace(request, margin=margin, residual_change=max(request.residual_change, -margin))


def _quiet_hours(text: str) -> QuietHours | None:
    """Of "21:00-08:00"; None of "".

    Raises:
        InvalidInput: it is not so written.
    """
    if not text:
        return None
    since, _, until = text.partition("-")
    try:
        return QuietHours(*(datetime.strptime(part, "%H:%M").time() for part in (since, until)))
    except ValueError:
        raise InvalidInput.of("--quiet", f"{text!r} is not of the form 21:00-08:00") from None


def _option(path: str) -> str:
    """The planner's path as the option that says it: "requests[0].constraints.caps" is "--cap"."""
    name = path.removeprefix("requests[0].").removeprefix("constraints.").split("[")[0]
    return {"caps": "--cap", "touch_costs": "--cost", "windows": "--window"}.get(name, f"--{name.replace('_', '-')}")
