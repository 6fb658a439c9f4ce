"""Stored plans as protobuf messages."""

from google.type.money_pb2 import Money

from farview.store.values import PlanTouch, StoredPlan
from farview.v1 import journey_pb2 as pb
from journeys.constraints import Constraints
from journeys.plan import PlanRequest
from server.convert.basics import instant

_EVIDENCE = {
    "randomised": pb.EVIDENCE_RANDOMISED,
    "propensity-weighted": pb.EVIDENCE_PROPENSITY_WEIGHTED,
    "observational": pb.EVIDENCE_OBSERVATIONAL,
}
_MILLION = 1_000_000


def journey_plan(stored: StoredPlan, currency: str) -> pb.JourneyPlan:
    """A plan with all that it was made from; amounts are in the reporting currency."""
    plan = stored.plan
    asked = PlanRequest.from_data(plan.customer_id, plan.request)
    return pb.JourneyPlan(
        plan_id=str(stored.plan_id),
        customer_id=plan.customer_id,
        model_version=plan.model_version,
        plan_time=instant(plan.planned_at),
        create_time=instant(stored.created_at),
        touches=[_touch(touch) for touch in plan.touches],
        conversion_probability=plan.probability,
        conversion_probability_q05=plan.probability_low,
        conversion_probability_q95=plan.probability_high,
        probability_without_touches=plan.probability_without,
        expected_value=plan.expected_value,
        expected_cost=plan.expected_cost,
        currency_code=currency,
        optimality_gap=plan.optimality_gap,
        evidence=_EVIDENCE[plan.evidence],
        denied_channels=sorted(asked.constraints.denied),
        constraints=_constraints(asked.constraints),
        conversion_margin=_money(asked.margin, currency),
        touch_costs=[
            pb.TouchCost(channel=channel, cost=_money(cost, currency)) for channel, cost in asked.touch_costs.items()
        ],
        consent_purpose=plan.request["consent_purpose"],
        plan_run_id="" if stored.plan_run_id is None else str(stored.plan_run_id),
    )


def _touch(touch: PlanTouch) -> pb.PlannedTouch:
    return pb.PlannedTouch(
        position=touch.position,
        time=instant(touch.time),
        channel=touch.channel,
        hazard=touch.hazard,
        reached_probability=touch.reached,
        cost=touch.cost,
    )


def _constraints(rules: Constraints) -> pb.JourneyConstraints:
    return pb.JourneyConstraints(
        max_touches=rules.max_touches,
        min_touches=rules.min_touches,
        fixed_touches=[pb.JourneySpot(position=at, channel=name) for at, name in sorted(rules.fixed.items())],
        forbidden_touches=[pb.JourneySpot(position=at, channel=name) for at, name in sorted(rules.forbidden)],
        channel_caps=[pb.ChannelCap(channel=name, max_touches=most) for name, most in rules.caps.items()],
    )


def _money(amount: float, currency: str) -> Money:
    """An amount of at most 6 decimals and below 9 billion, which a double holds to the last of them."""
    units, millionths = divmod(round(amount * _MILLION), _MILLION)
    return Money(currency_code=currency, units=units, nanos=millionths * 1_000)
