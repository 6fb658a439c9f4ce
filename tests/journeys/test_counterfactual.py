"""The least change of a price that alters a plan."""

from datetime import UTC, datetime

import pytest

from journeys.constraints import Constraints
from journeys.counterfactual import smallest_change
from journeys.plan import Plan, PlannedTouch, PlanRequest

COSTS = {"email": 1.0, "call": 3.0}
REQUEST = PlanRequest("a", Constraints(1, 1), 100.0, COSTS)
PROBABILITIES = {"email": 0.10, "call": 0.115}  # worth 9 and 8.5: at 33.3 more for a conversion the call is better


def of(channel: str, request: PlanRequest = REQUEST) -> Plan:
    p, cost = PROBABILITIES[channel], request.touch_costs[channel]
    touch = PlannedTouch(1, datetime(2025, 1, 1, tzinfo=UTC), channel, p, 1.0, cost)
    return Plan("a", (touch,), p, p, p, 0.0, p * request.worth - cost, cost, 0.0, "observational", "markov")


def best(request: PlanRequest) -> Plan:
    return max((of(channel, request) for channel in PROBABILITIES), key=lambda plan: plan.expected_value)


def test_the_least_change_is_where_two_plans_are_worth_the_same():
    change = smallest_change(REQUEST, [of("email"), of("call")], best)
    assert change is not None
    assert (change.channel, change.before) == ("call", 3.0)  # half a unit less, before any dearer email of as much
    assert change.after == pytest.approx(2.5, abs=1e-4)
    assert [touch.channel for touch in change.plan.touches] == ["call"]


def test_prices_that_leave_no_plan_within_the_budget_are_passed_over():
    def affordable(request: PlanRequest) -> Plan | None:
        return best(request) if request.touch_costs == COSTS else None

    change = smallest_change(REQUEST, [of("email"), of("call")], affordable)
    assert change is not None
    assert (change.channel, change.after) == (None, pytest.approx(100 + 100 / 3, abs=1e-3))


def test_nothing_alters_a_plan_that_is_made_at_any_price():
    assert smallest_change(REQUEST, [of("email"), of("call")], lambda request: of("email", request)) is None


def test_plans_that_differ_by_rounding_alone_have_no_crossing():
    twin = of("email")
    tired = Plan(**{name: getattr(twin, name) for name in Plan.__slots__} | {"probability": twin.probability - 1e-16})
    assert smallest_change(REQUEST, [twin, tired], lambda request: of("call", request)) is None
