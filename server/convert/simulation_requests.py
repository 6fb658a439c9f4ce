"""Requests of JourneyService.SimulateJourneys, checked."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from farview.v1 import journey_pb2 as pb
from journeys.comparison import WhatIf
from journeys.plan import PlanRequest
from server.convert.fields import Amount, Distinct, Id, OptionalId, Seed, Surroundings, counted
from server.convert.journey_requests import (
    DEFAULT_PURPOSE,
    LATEST,
    MAX_CHANNELS,
    Defaults,
    JourneyConstraints,
    Price,
    TouchCost,
    instant_if_set,
    length_if_set,
    one_a_channel,
    set_amount,
    to_plan,
)
from server.convert.parse import Parsed, parse

MOST_CUSTOMERS, MOST_SHARES = 500, 10
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Shares = Annotated[tuple[Share, ...], counted(0, MOST_SHARES), Distinct]


def _in_these_centuries(time: datetime | None) -> datetime | None:
    if time is not None and time >= LATEST:
        raise ValueError(f"is {time.isoformat()}; it must be before 2200 (is it milliseconds?)")
    return time


class SimulateJourneys(Parsed):
    """Whom to roll out, and what their journeys must keep to. None: the model's own margin and gap, the clock."""

    customer_ids: Annotated[tuple[Id, ...], counted(2, MOST_CUSTOMERS), Distinct]
    constraints: JourneyConstraints
    conversion_margin: Price | None
    touch_costs: Annotated[tuple[TouchCost, ...], AfterValidator(one_a_channel), counted(0, MAX_CHANNELS)]
    plan_time: Annotated[datetime | None, BeforeValidator(instant_if_set), AfterValidator(_in_these_centuries)]
    gap: Annotated[timedelta | None, BeforeValidator(length_if_set)]
    consent_purpose: Annotated[OptionalId, AfterValidator(lambda purpose: purpose.strip() or DEFAULT_PURPOSE)]
    explorations: Shares
    diversities: Shares
    seed: Seed
    length_cost: Price | None
    residual_value_change: Amount | None

    @property
    def what_if(self) -> WhatIf:
        """The combinations asked for."""
        usual = WhatIf()
        return WhatIf(self.explorations or usual.explorations, self.diversities or usual.diversities)

    def for_planner(
        self, customer_id: str, present: datetime, denied: frozenset[str], defaults: Defaults
    ) -> PlanRequest:
        """What the journey of one customer is asked for.

        Raises:
            InvalidInput: see `to_plan`.
        """
        return to_plan(self, customer_id, (present, denied), defaults)


def simulate_journeys(message: pb.SimulateJourneysRequest, around: Surroundings) -> SimulateJourneys:
    """The checked request; InvalidInput names the wrong fields."""
    return parse(
        SimulateJourneys,
        {
            "customer_ids": tuple(message.customer_ids),
            "constraints": message.constraints,
            "conversion_margin": set_amount(message, "conversion_margin"),
            "touch_costs": tuple(message.touch_costs),
            "plan_time": message.plan_time if message.HasField("plan_time") else None,
            "gap": message.gap if message.HasField("gap") else None,
            "consent_purpose": message.consent_purpose,
            "explorations": tuple(message.explorations),
            "diversities": tuple(message.diversities),
            "seed": message.seed,
            "length_cost": set_amount(message, "length_cost"),
            "residual_value_change": set_amount(message, "residual_value_change"),
        },
        around,
    )
