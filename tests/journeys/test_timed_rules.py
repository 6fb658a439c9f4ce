"""Rolling windows, budgets and quiet hours: kept, proven impossible rightly, and never run into."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import combinations, product
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import Infeasible, InvalidInput
from farview.features.steps import instant, micros
from journeys.checker import Touch, broken, broken_in_time
from journeys.constraints import Constraints, Moment, compile_rules, positions
from journeys.plan import Plan, PlanRequest
from journeys.planning import Beam, plan_journey, plan_journeys
from journeys.schedule import planned_times
from journeys.windows import QuietHours, WindowCap
from tests.journeys.models import CHANNELS, NOW, attributes, random_lstm, random_steps
from tests.journeys.strategies import sequence, timed_constraints
from tests.tiers import examples

THREE, GAP = CHANNELS[:3], 30.0
COSTS = {"call": 0.4, "display": 0.01, "email": 0.1}
STEPS, WHO, BERLIN = random_steps(1, 40, 3), attributes(40), ZoneInfo("Europe/Berlin")


def keeping(rules: Constraints, times: list[datetime], past: list[Touch]) -> list[tuple[str, ...]]:
    """Every sequence that keeps to all rules when sent at those times."""
    kept = []
    for length in range(rules.max_touches + 1):
        for path in product(THREE, repeat=length):
            planned = [Touch(when, name) for when, name in zip(times, path, strict=False)]
            if not broken(path, rules) and not broken_in_time(planned, past, rules, COSTS, UTC):
                kept.append(path)
    return kept


def past_of(customer: str) -> list[Touch]:
    if customer not in STEPS.customer_ids:
        return []
    place = STEPS.customer_ids.index(customer)
    mine = slice(*STEPS.offsets[place : place + 2])
    return [
        Touch(instant(int(at)), THREE[code]) for at, code in zip(STEPS.time_us[mine], STEPS.channel[mine], strict=True)
    ]


def moment(rules: Constraints, past: list[Touch]) -> Moment:
    times = planned_times(micros(NOW), GAP, positions(rules), None, "UTC")
    history = (
        np.array([micros(touch.time) for touch in past], np.int64),
        np.array([THREE.index(touch.channel) for touch in past], np.int64),
    )
    return Moment(times, history, np.array([COSTS[name] for name in THREE]))


def feasible(rules: Constraints, past: list[Touch]) -> bool:
    try:
        compile_rules(rules, THREE, moment(rules, past))
    except Infeasible:
        return False
    return True


def test_rules_of_time_and_cost_are_feasible_exactly_when_some_sequence_keeps_to_them():
    random, refused = Random(1), 0
    count = examples(ci=200, soak=5000)
    for _ in range(count):
        rules = timed_constraints(random, THREE, 4)
        past = past_of(f"c{random.randrange(45)}")
        times = [NOW + timedelta(hours=GAP) * k for k in range(rules.max_touches)]
        expected = bool(keeping(rules, times, past))
        assert feasible(rules, past) == expected, rules
        refused += not expected
    assert 0.2 < refused / count < 0.8


def test_every_proper_subset_of_a_named_conflict_is_feasible():
    random, seen = Random(2), 0
    while seen < examples(ci=25, soak=500):
        rules = timed_constraints(random, THREE, 3)
        try:
            compile_rules(rules, THREE, moment(rules, []))
        except Infeasible as error:
            named = str(error).removeprefix("no plan keeps to all of: ").split("; ")
        else:
            continue
        if not any("in any" in words or "for all" in words for words in named):
            continue
        seen += 1
        assert not feasible(only(rules, named), [])
        for rest in combinations(named, len(named) - 1):
            assert feasible(only(rules, rest), [])


def only(rules: Constraints, words) -> Constraints:
    """The rules that those words name, and no other."""
    return replace(
        rules,
        max_touches=rules.max_touches if f"at most {rules.max_touches} touches" in words else 12,
        min_touches=rules.min_touches if f"at least {rules.min_touches} touches" in words else 0,
        fixed={at: name for at, name in rules.fixed.items() if f"{name} at position {at}" in words},
        forbidden=frozenset((at, name) for at, name in rules.forbidden if f"no {name} at position {at}" in words),
        caps={name: most for name, most in rules.caps.items() if f"at most {most} of {name}" in words},
        denied=frozenset(name for name in rules.denied if f"no consent to {name}" in words),
        windows=tuple(window for window in rules.windows if window.words in words),
        budget=rules.budget if any("for all touches" in each for each in words) else None,
    )


@pytest.mark.parametrize("width", [1, 5])
def test_no_random_plan_breaks_a_rule_of_time_or_cost(width):
    random, model, planned = Random(3), random_lstm(6, channels=3), 0
    requests = [
        PlanRequest(f"c{random.randrange(45)}", timed_constraints(random, THREE, 6), 40.0, COSTS, gap_hours=GAP)
        for _ in range(examples(ci=300, soak=10_000))
    ]
    for request, answer in zip(requests, plan_journeys(model, STEPS, WHO, requests, Beam(width, 0)), strict=True):
        if isinstance(answer, Plan):
            touches = [Touch(touch.time, touch.channel) for touch in answer.touches]
            assert broken(sequence(answer), request.constraints) == []
            assert broken_in_time(touches, past_of(request.customer_id), request.constraints, COSTS, UTC) == []
            planned += 1
        else:
            assert isinstance(answer, Infeasible)  # never a dead end, which would be InvalidInput
    assert planned > len(requests) / 4


def test_the_search_equals_brute_force_under_rules_of_time_and_cost():
    random, model = Random(4), random_lstm(3, channels=3)
    free = Constraints(max_touches=3)
    for _ in range(examples(ci=20, soak=300)):
        rules, customer = timed_constraints(random, THREE, 3), f"c{random.randrange(40)}"
        times = [NOW + timedelta(hours=GAP) * k for k in range(rules.max_touches)]
        paths = keeping(rules, times, past_of(customer))
        if not paths:
            continue
        found = plan_journey(model, STEPS, WHO, PlanRequest(customer, rules, 8.0, COSTS, gap_hours=GAP))
        forced = [
            replace(
                free,
                fixed=dict(enumerate(path, 1)),
                max_touches=max(len(path), 1),
                denied=frozenset() if path else frozenset(THREE),
            )
            for path in paths
        ]
        values = [
            plan_journey(model, STEPS, WHO, PlanRequest(customer, each, 8.0, COSTS, gap_hours=GAP)).expected_value
            for each in forced
        ]
        assert found.expected_value == pytest.approx(max(values), abs=1e-9)


def test_touches_that_happened_count_in_a_window():
    customer = next(name for name in STEPS.customer_ids if past_of(name))
    last = past_of(customer)[-1]
    hours = (NOW - last.time) / timedelta(hours=1)
    ask = lambda width: plan_journey(  # noqa: E731
        random_lstm(channels=3),
        STEPS,
        WHO,
        PlanRequest(customer, Constraints(1, 1, windows=(WindowCap(1, width, None),))),
    )
    assert len(ask(hours - 0.01).touches) == 1
    with pytest.raises(Infeasible, match=r"at least 1 touches; at most 1 touches in any"):
        ask(hours + 0.01)


def test_a_gap_of_a_channel_is_a_window_of_one():
    rules = Constraints(4, 4, windows=(WindowCap(1, 2.5 * GAP, "call"),), caps={"display": 0, "email": 2})
    found = sequence(plan_journey(random_lstm(channels=3), STEPS, WHO, PlanRequest("nobody", rules, gap_hours=GAP)))
    assert found == ("call", "email", "email", "call")


QUIET = [QuietHours(time(21), time(8)), QuietHours(time(12), time(14, 30)), QuietHours(time(0), time(23, 59))]


@given(
    quiet=st.sampled_from(QUIET),
    first=st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)),
    gap=st.floats(0.1, 100),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
@settings(max_examples=examples(ci=100, soak=5000), deadline=None)
def test_no_touch_falls_into_quiet_hours_and_gaps_are_kept(quiet, first, gap, zone):
    times = planned_times(micros(first.replace(tzinfo=UTC)), gap, 8, quiet, zone)
    assert not any(quiet.hold(instant(int(at)).astimezone(ZoneInfo(zone)).time()) for at in times)
    assert times[0] >= micros(first.replace(tzinfo=UTC))
    assert np.all(np.diff(times) >= round(gap * 3.6e9))
    assert np.all(np.diff(times) <= round(gap * 3.6e9) + 25 * 3.6e9)


def test_a_touch_outside_quiet_hours_is_not_moved():
    at = datetime(2025, 6, 2, 9, tzinfo=BERLIN)
    assert planned_times(micros(at), 24.0, 3, QuietHours(time(21), time(8)), "Europe/Berlin")[0] == micros(at)


def test_a_plan_waits_for_the_customers_morning_in_the_customers_zone():
    rules = Constraints(2, 2, quiet=QuietHours(time(21), time(8)))
    for zone in ("Asia/Tokyo", "America/New_York"):
        request = PlanRequest("c1", rules, first_at=NOW, gap_hours=12.0, zone=zone)
        found = plan_journey(random_lstm(channels=3), STEPS, WHO, request)
        hours = [touch.time.astimezone(ZoneInfo(zone)).hour for touch in found.touches]
        assert all(8 <= hour < 21 for hour in hours)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"windows": (WindowCap(1, 0.0),)}, r"constraints.windows: 1 in 0 hours is no cap"),
        ({"windows": (WindowCap(-1, 2.0),)}, r"constraints.windows: -1 in 2 hours is no cap"),
        ({"windows": (WindowCap(1, 2.0, "fax"),)}, r"constraints.windows: no channel 'fax'"),
        ({"budget": -1.0}, r"constraints.budget: -1.0 is not an amount"),
        ({"quiet": QuietHours(time(8), time(8))}, r"constraints.quiet: since and until are the same time"),
    ],
)
def test_a_rule_of_time_or_cost_that_makes_no_sense_is_named(wrong, message):
    with pytest.raises(InvalidInput, match=message):
        plan_journey(random_lstm(channels=3), STEPS, WHO, PlanRequest("c1", Constraints(2, **wrong)))


def test_constraints_are_the_same_after_a_trip_through_json_and_old_ones_are_still_read():
    rules = Constraints(3, windows=(WindowCap(1, 2.0, "call"),), budget=3.0, quiet=QuietHours(time(21), time(8)))
    assert Constraints.from_data(rules.as_data()) == rules
    old = {
        name: value for name, value in Constraints(3).as_data().items() if name not in ("windows", "budget", "quiet")
    }
    assert Constraints.from_data(old) == Constraints(3)
