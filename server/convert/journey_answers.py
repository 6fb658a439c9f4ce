"""Stored plans as protobuf messages."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.type.money_pb2 import Money
from google.type.timeofday_pb2 import TimeOfDay

from farview.store.values import NewPlan, PlanTouch, StoredPlan
from farview.v1 import journey_pb2 as pb
from journeys.constraints import Constraints
from journeys.counterfactual import Counterfactual
from journeys.plan import PlanRequest
from journeys.windows import QuietHours, WindowCap
from server.convert.basics import instant

EVIDENCE = {
    "randomised": pb.EVIDENCE_RANDOMISED,
    "propensity-weighted": pb.EVIDENCE_PROPENSITY_WEIGHTED,
    "observational": pb.EVIDENCE_OBSERVATIONAL,
}
_MILLION = 1_000_000


def journey_plan(stored: StoredPlan, currency: str) -> pb.JourneyPlan:
    """A stored plan with all that it was made from; amounts are in the reporting currency."""
    message = unstored_plan(stored.plan, currency)
    message.plan_id = str(stored.plan_id)
    message.create_time.CopyFrom(instant(stored.created_at))
    message.plan_run_id = "" if stored.plan_run_id is None else str(stored.plan_run_id)
    return message


def unstored_plan(plan: NewPlan, currency: str) -> pb.JourneyPlan:
    """The same of a plan that is not stored."""
    asked = PlanRequest.from_data(plan.customer_id, plan.request)
    return pb.JourneyPlan(
        customer_id=plan.customer_id,
        model_version=plan.model_version,
        plan_time=instant(plan.planned_at),
        touches=[_touch(touch) for touch in plan.touches],
        conversion_probability=plan.probability,
        conversion_probability_q05=plan.probability_low,
        conversion_probability_q95=plan.probability_high,
        probability_without_touches=plan.probability_without,
        expected_value=plan.expected_value,
        expected_cost=plan.expected_cost,
        currency_code=currency,
        optimality_gap=plan.optimality_gap,
        evidence=EVIDENCE[plan.evidence],
        denied_channels=sorted(asked.constraints.denied),
        constraints=_constraints(asked.constraints, currency),
        length_cost=_money(asked.length_cost, currency),
        residual_value_change=_money(asked.residual_change, currency),
        conversion_margin=_money(asked.margin, currency),
        touch_costs=[
            pb.TouchCost(channel=channel, cost=_money(cost, currency)) for channel, cost in asked.touch_costs.items()
        ],
        consent_purpose=plan.request["consent_purpose"],
    )


def counterfactual(found: Counterfactual, currency: str) -> pb.JourneyCounterfactual:
    """The least change that alters a plan."""
    return pb.JourneyCounterfactual(
        channel=found.channel or "",
        current=_money(found.before, currency),
        changed=_money(found.after, currency),
        channels=[touch.channel for touch in found.plan.touches],
    )


def simulated(report: Mapping[str, Any], about: tuple[str, str], currency: str) -> pb.SimulateJourneysResponse:
    """What `journeys.comparison.compare` reports, by the model version and its evidence."""
    version, evidence = about
    return pb.SimulateJourneysResponse(
        policies=[_policy(name, figures) for name, figures in report["policies"].items()],
        best_fixed_channels=report["best_fixed_plan"],
        what_ifs=[_policy("greedy", figures) for figures in report["what_if"]],
        model_version=version,
        evidence=EVIDENCE[evidence],
        currency_code=currency,
    )


def _policy(name: str, figures: Mapping[str, Any]) -> pb.SimulatedPolicy:
    return pb.SimulatedPolicy(
        name=name,
        exploration=figures.get("exploration", 0.0),
        diversity=figures.get("diversity", 0.0),
        conversion_probability=_figure(figures["conversion"]),
        touch_count=_figure(figures["touches"]),
        revenue=_figure(figures["revenue"]),
        cost=_figure(figures["cost"]),
        value=_figure(figures["value"]),
        hours_to_conversion=_figure(figures["hours_to_conversion"]),
        supported_share=_figure(figures["supported_share"]),
        cumulative_conversion_probabilities=figures["cumulative_conversion"],
    )


def _figure(figure: Mapping[str, float] | None) -> pb.SimulatedFigure | None:
    if figure is None:
        return None
    return pb.SimulatedFigure(mean=figure["mean"], q05=figure["lower"], q95=figure["upper"])


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
    units, millionths = divmod(round(abs(amount) * _MILLION), _MILLION)
    sign = -1 if amount < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * millionths * 1_000)
