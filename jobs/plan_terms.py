"""What every plan of a run is asked for, with nothing left open."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

import pyarrow as pa

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
    consent_purpose: str = "marketing"


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
        margin = version.metrics["mean_conversion_value"] if options.margin is None else options.margin
        if margin is None:
            raise InvalidInput.of("--margin", "the log behind the model told no conversion value; say what one brings")
        gap_hours = model.about.timing.gap_hours if options.gap_hours is None else options.gap_hours
        terms = cls(version, model, present, options, margin, gap_hours)
        try:
            nobody = terms._histories(schemas.TOUCHPOINTS.empty_table())
            plan_journey(model, nobody, None, terms._request("", terms._rules()))
        except InvalidInput as error:
            raise InvalidInput(*(Violation(_option(v.field), v.problem) for v in error.violations)) from None
        return terms

    @property
    def channels(self) -> tuple[str, ...]:
        """Those that can be planned with."""
        return self.model.about.vocabulary.channels

    def plan(
        self, log: pa.Table, stored: pa.Table, denied: Mapping[str, frozenset[str]], customer_ids: Sequence[str]
    ) -> list[Pair]:
        """A plan for each customer, with what was asked.

        Args:
            log: schemas.TOUCHPOINTS of the customers, before the present.
            stored: schemas.ATTRIBUTES of the customers.
            denied: channels by customer.
            customer_ids: in the order of the answer.
        """
        attributes = attribute_table(stored, self.model.about.context.kinds)
        nothing: frozenset[str] = frozenset()
        denials = [denied.get(name, nothing) for name in customer_ids]
        rules = {names: self._rules(names) for names in {*denials}}  # shared, so compiled once
        requests = [self._request(name, rules[names]) for name, names in zip(customer_ids, denials, strict=True)]
        plans = []
        for plan in plan_journeys(self.model, self._histories(log), attributes, requests):
            if isinstance(plan, FarviewError):
                raise plan
            plans.append(plan)
        return list(zip(requests, plans, strict=True))

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
            "code_version": code_version(),
        }

    def _histories(self, log: pa.Table) -> Steps:
        return histories(self.model.about, log, self.present)

    def _rules(self, denied: frozenset[str] = frozenset()) -> Constraints:
        return Constraints(self.options.max_touches, caps=self.options.caps, denied=denied)

    def _request(self, customer_id: str, rules: Constraints) -> PlanRequest:
        return PlanRequest(customer_id, rules, self.margin, self.options.touch_costs, self.present, self.gap_hours)


def _option(path: str) -> str:
    """The planner's path as the option that says it: "requests[0].constraints.caps" is "--cap"."""
    name = path.removeprefix("requests[0].").removeprefix("constraints.").split("[")[0]
    return {"caps": "--cap", "touch_costs": "--cost"}.get(name, f"--{name.replace('_', '-')}")
