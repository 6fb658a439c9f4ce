"""Bounds under hidden confounding, and what a plan withstands."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.checker import Touch
from journeys.constraints import Constraints
from journeys.plan import Plan, PlannedTouch, PlanRequest
from journeys.replanning import progress, remaining
from journeys.sensitivity import MOST, break_even, hazard_bounds
from tests.journeys.models import NOW


def made(hazards: list[float], cost: float, without: float = 0.0) -> Plan:
    reached = np.concatenate([[1.0], np.cumprod(1 - np.array(hazards))])
    touches = tuple(
        PlannedTouch(number + 1, datetime(2025, 1, 1, tzinfo=UTC), "email", h, float(r), cost)
        for number, (h, r) in enumerate(zip(hazards, reached, strict=False))
    )
    probability = float(1 - reached[-1])
    return Plan("a", touches, probability, 0, 1, without, 0.0, 0.0, 0.0, "observational", "markov")


@given(st.floats(0.01, 0.9), st.floats(0, 1), st.floats(1, 10))
def test_no_hidden_cause_within_the_factor_moves_a_hazard_out_of_its_bounds(p: float, share: float, factor: float):
    low, high = (float(bound) for bound in hazard_bounds(np.array(p), np.array(share), factor))
    for other in np.linspace(0, 1, 41):  # rate of those who were touched otherwise
        ratios = np.array([other / p, (1 - other) / (1 - p)])
        inside = np.all(ratios <= factor * (1 + 1e-12)) and np.all(ratios >= (1 - 1e-12) / factor)
        if inside:
            assert low - 1e-9 <= share * p + (1 - share) * other <= high + 1e-9
    assert low - 1e-12 <= p <= high + 1e-12


def test_without_confounding_the_bounds_are_the_hazard():
    assert hazard_bounds(np.array(0.1), np.array(0.3), 1.0) == (pytest.approx(0.1), pytest.approx(0.1))


def test_a_plan_of_one_touch_breaks_even_where_its_lowest_hazard_pays_its_cost():
    # A channel that nobody got (share 0): h / factor x 10 = 0.2 at factor 5.
    assert break_even(made([0.1], 0.2), 10.0, np.zeros(1)) == pytest.approx(5.0)


def test_what_is_free_withstands_all_and_what_is_worth_nothing_none():
    assert break_even(made([0.1, 0.1], 0.0), 10.0, np.full(2, 0.3)) == MOST
    assert break_even(made([0.1], 2.0), 10.0, np.full(1, 0.3)) == 1.0
    assert break_even(made([], 0.0), 10.0, np.zeros(0)) == 1.0


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


def test_touches_are_sent_missed_or_still_to_come():
    planned = [Touch(hours(0), "email"), Touch(hours(24), "call"), Touch(hours(48), "email"), Touch(hours(72), "sms")]
    happened = [Touch(hours(1), "email"), Touch(hours(5), "web")]
    stands = progress(planned, happened, hours(50))
    assert stands.sent == (happened[0],)
    assert stands.missed == (planned[1], planned[2])


def test_what_was_sent_is_taken_off_the_rules():
    rules = Constraints(4, 3, {1: "email", 4: "sms"}, frozenset({(3, "web")}), {"email": 2}, budget=5.0)
    request = PlanRequest("a", rules, touch_costs={"email": 1.5}, gap_hours=24.0)
    stands = progress([Touch(hours(0), "email")], [Touch(hours(2), "email")], hours(3))
    left = remaining(request, stands, hours(3))
    assert left is not None
    expected = Constraints(3, 2, {3: "sms"}, frozenset({(2, "web")}), {"email": 1}, budget=3.5)
    assert (left.constraints, left.first_at) == (expected, hours(26))


def test_a_plan_that_had_all_its_touches_leaves_nothing():
    stands = progress([Touch(hours(0), "email")], [Touch(hours(0), "email")], hours(1))
    assert remaining(PlanRequest("a", Constraints(1)), stands, hours(1)) is None
