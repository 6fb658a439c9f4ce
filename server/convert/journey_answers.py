"""Stored plans as protobuf messages."""

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from google.type.money_pb2 import Money
from google.type.timeofday_pb2 import TimeOfDay

from farview.store.values import PlanTouch, StoredPlan
from farview.v1 import journey_pb2 as pb
from journeys.constraints import Constraints
from journeys.plan import PlanRequest
from journeys.windows import QuietHours, WindowCap
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
        constraints=_constraints(asked.constraints, currency),
        length_cost=_money(asked.length_cost, currency),
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


def _constraints(rules: Constraints, currency: str) -> pb.JourneyConstraints:
    return pb.JourneyConstraints(
        max_touches=rules.max_touches,
        min_touches=rules.min_touches,
        fixed_touches=[pb.JourneySpot(position=at, channel=name) for at, name in sorted(rules.fixed.items())],
        forbidden_touches=[pb.JourneySpot(position=at, channel=name) for at, name in sorted(rules.forbidden)],
        channel_caps=[pb.ChannelCap(channel=name, max_touches=most) for name, most in rules.caps.items()],
        window_caps=[_window(window) for window in rules.windows],
        budget=None if rules.budget is None else _money(rules.budget, currency),
        quiet_hours=None if rules.quiet is None else _quiet(rules.quiet),
    )


def _window(window: WindowCap) -> pb.WindowCap:
    length = Duration()
    length.FromTimedelta(timedelta(hours=window.hours))
    return pb.WindowCap(channel=window.channel or "", max_touches=window.most, window=length)


def _quiet(quiet: QuietHours) -> pb.QuietHours:
    start, end = (TimeOfDay(hours=at.hour, minutes=at.minute) for at in (quiet.since, quiet.until))
    return pb.QuietHours(start_time=start, end_time=end)


def _money(amount: float, currency: str) -> Money:
    """An amount of at most 6 decimals and below 9 billion, which a double holds to the last of them."""
    units, millionths = divmod(round(amount * _MILLION), _MILLION)
    return Money(currency_code=currency, units=units, nanos=millionths * 1_000)
