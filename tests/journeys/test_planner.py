"""Plans: what they are worth, what they keep to, and that nothing better was missed where that is claimed."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import numpy as np
import pytest

from farview.core.errors import Infeasible, InvalidInput
from farview.features.steps import Steps, micros, planned_state
from journeys import recurrent_step
from journeys.checker import broken
from journeys.constraints import Constraints
from journeys.inputs import Histories
from journeys.markov import train_markov
from journeys.markov2 import train_markov2
from journeys.plan import Plan, PlanRequest
from journeys.planning import Beam, best_plans, plan_journey, plan_journeys
from journeys.training import NETWORKS
from tests.journeys.models import (
    CHANNELS,
    CONTEXT,
    INTERACTIONS,
    NOW,
    attributes,
    random_lstm,
    random_model,
    random_steps,
)
from tests.journeys.strategies import constraints, permitted, sequence
from tests.tiers import examples

CUSTOMERS = 40
STEPS = random_steps(1, CUSTOMERS, 4)
WHO = attributes(CUSTOMERS)
FOUR = CHANNELS[:4]
COSTS = {"call": 0.4, "display": 0.01, "email": 0.02, "mail": 0.15}


def from_scratch(model, steps: Steps, request: PlanRequest, path: tuple[str, ...]) -> tuple[float, float, float]:
    """Probability, probability without and expected value of a path, by their definitions and one reading of it all."""
    gap_us = round((request.gap_hours or model.about.timing.gap_hours) * 3.6e9)
    first_us = micros(request.first_at or NOW)
    begin = end = 0
    place = -1
    if request.customer_id in steps.customer_ids:
        place = steps.customer_ids.index(request.customer_id)
        begin, end = steps.offsets[place : place + 2]
    times = first_us + gap_us * np.arange(max(len(path), 1))
    planned = planned_state(steps, np.array([place]), times[None])[0][: len(path)]
    codes = [model.about.vocabulary.channels.index(name) for name in path]
    whole = Histories(
        np.array([0]),
        np.array([end - begin + len(path)]),
        np.concatenate([steps.channel[begin:end], codes]).astype(np.int32),
        np.concatenate([steps.interaction[begin:end], np.full(len(path), len(INTERACTIONS))]).astype(np.int32),
        np.concatenate([steps.state[begin:end], planned]),
        CONTEXT.encode(WHO, [request.customer_id]),
    )
    hazards = model.about.calibration.probability(recurrent_step.read(model.weights, whole)[1])
    until_plan = ever = 0.0
    if end > begin and not steps.converted[end - 1]:
        share = model.about.timing.share_converted
        last_us, last = steps.time_us[end - 1], hazards[end - begin - 1]
        now, then = (float(share((at - last_us) / 3.6e9)) for at in (micros(NOW), first_us))
        until_plan, ever = last * (then - now) / (1 - last * now), last * (1 - now) / (1 - last * now)
    if not path:
        return ever, ever, 0.0
    survival, cost = 1 - until_plan, 0.0
    for name, hazard in zip(path, hazards[end - begin :], strict=True):
        cost += survival * request.touch_costs.get(name, 0.0)
        survival *= 1 - hazard
    return 1 - survival, ever, ((1 - survival) - ever) * request.margin - cost


def plan(request: PlanRequest, model=None, **options) -> Plan:
    return plan_journey(model or random_lstm(), STEPS, WHO, request, **options)


def test_probability_and_value_are_those_of_their_definitions():
    model = random_lstm(2)
    rules = Constraints(max_touches=6, min_touches=6)
    for number in range(CUSTOMERS):
        request = PlanRequest(f"c{number}", rules, 30.0, COSTS, NOW + timedelta(hours=9), 20.0)
        found = plan(request, model)
        expected = from_scratch(model, STEPS, request, sequence(found))
        assert (found.probability, found.probability_without, found.expected_value) == pytest.approx(expected, rel=1e-6)


def test_the_search_equals_brute_force_when_the_beam_is_wide_enough():
    random, model = Random(4), random_lstm(3)
    for _ in range(examples(ci=25, soak=400)):
        rules = constraints(random, FOUR, 4)
        request = PlanRequest(f"c{random.randrange(CUSTOMERS + 5)}", rules, random.choice([1.0, 8.0]), COSTS)
        paths = permitted(rules, FOUR)
        if paths:
            best = max(from_scratch(model, STEPS, request, path)[2] for path in paths)
            assert plan(request, model).expected_value == pytest.approx(best, abs=1e-6)


def test_a_small_case_is_searched_whole_and_a_large_one_has_a_gap():
    wide = PlanRequest("c1", Constraints(max_touches=8, min_touches=8))
    small = PlanRequest("c1", Constraints(max_touches=4, min_touches=4))
    assert plan(wide).optimality_gap > 0
    assert plan(small).optimality_gap == 0.0


@pytest.mark.parametrize("kind", [*NETWORKS, "markov", "markov2"])
def test_no_plan_betters_the_one_found_by_more_than_its_gap(kind):
    random, model = Random(7), any_model(kind)
    for _ in range(examples(ci=12, soak=200)):
        rules = constraints(random, FOUR, 4)
        request = PlanRequest(f"c{random.randrange(CUSTOMERS)}", rules, random.choice([1.0, 8.0]), COSTS)
        narrow, whole = (best_plans(model, STEPS, WHO, [request], beam)[0] for beam in (Beam(1, 0), Beam()))
        if isinstance(whole, tuple):
            (found,), (best,) = narrow, whole
            assert best.optimality_gap == 0.0
            assert best.expected_value <= found.expected_value + found.optimality_gap + 1e-9


def test_a_cheap_first_touch_that_bars_a_better_one_is_not_proven_best_by_luck():
    # The bound must see what a plan left aside could still come to: the beam of one takes the best first touch only.
    model, rules = random_lstm(11), Constraints(max_touches=4, min_touches=4, caps=dict.fromkeys(FOUR, 1))
    gaps, misses = [], []
    for number in range(CUSTOMERS):
        request = PlanRequest(f"c{number}", rules, 30.0)
        found, best = plan(request, model, beam=Beam(1, 0)), plan(request, model)
        gaps.append(found.optimality_gap)
        misses.append(best.expected_value - found.expected_value)
    assert max(misses) > 0
    assert all(gap >= miss - 1e-9 for gap, miss in zip(gaps, misses, strict=True))


def any_model(kind: str):
    if kind == "markov":
        return train_markov(random_steps(4, 300, 4))
    return train_markov2(random_steps(4, 300, 4)) if kind == "markov2" else random_model(kind, 3)


def test_the_best_plans_are_the_best_of_all_and_distinct():
    random, model = Random(8), random_lstm(3)
    for _ in range(examples(ci=10, soak=200)):
        rules = constraints(random, FOUR, 3)
        request = PlanRequest(f"c{random.randrange(CUSTOMERS)}", rules, 8.0, COSTS)
        (found,) = best_plans(model, STEPS, WHO, [request], best=3)
        if isinstance(found, tuple):
            values = sorted(from_scratch(model, STEPS, request, path)[2] for path in permitted(rules, FOUR))[::-1]
            assert [each.expected_value for each in found] == pytest.approx(values[:3], abs=1e-6)
            assert len({sequence(each) for each in found}) == len(found)


def test_a_length_cost_shortens_plans_and_is_no_cost_of_theirs():
    lengths = []
    for length_cost in (0.0, 0.5, 50.0):
        found = plan(PlanRequest("c3", Constraints(max_touches=5), 30.0, length_cost=length_cost))
        assert found.expected_cost == 0.0
        lengths.append(len(found.touches))
    assert lengths[0] == 5
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 0


def test_a_wider_beam_finds_no_worse_plan_and_full_width_the_best():
    model, rules = random_lstm(8), Constraints(max_touches=5, min_touches=5)
    requests = [PlanRequest(f"c{number}", rules) for number in range(CUSTOMERS)]
    values = {
        width: np.array([p.expected_value for p in plan_journeys(model, STEPS, WHO, requests, Beam(width))])
        for width in (1, 5, 4**5)
    }
    assert np.all(values[5] <= values[4**5] + 1e-12)
    assert values[1].mean() <= values[5].mean()


def test_no_random_plan_breaks_a_rule_and_infeasible_requests_say_so():
    random, model = Random(5), random_lstm(6, channels=6)
    steps, channels = random_steps(3, CUSTOMERS, 6), CHANNELS[:6]
    requests = [
        PlanRequest(f"c{random.randrange(CUSTOMERS)}", constraints(random, channels, 8), 40.0, {"call": 0.5})
        for _ in range(examples(ci=1000, soak=10_000))
    ]
    answers = plan_journeys(model, steps, WHO, requests)
    assert len(answers) == len(requests)
    refused = 0
    for request, answer in zip(requests, answers, strict=True):
        if isinstance(answer, Plan):
            assert broken(sequence(answer), request.constraints) == []
            assert answer.customer_id == request.customer_id
        else:
            assert isinstance(answer, Infeasible)
            refused += 1
    assert 0.1 < refused / len(requests) < 0.7


def test_a_narrow_beam_never_runs_into_a_dead_end():
    # "mail" may only stand last and must stand there; everything else is used up by then unless it is saved.
    rules = Constraints(
        max_touches=4,
        min_touches=4,
        fixed={4: "mail"},
        caps={"mail": 1, "call": 1, "display": 1, "email": 1},
        forbidden=frozenset({(1, "call"), (2, "call")}),
    )
    for seed in range(10):
        found = plan(PlanRequest("c1", rules), random_lstm(seed), beam=Beam(1))
        assert broken(sequence(found), rules) == []


def test_no_plan_depends_on_who_else_is_planned_for():
    model = random_lstm(4)
    rules = [Constraints(max_touches=3), Constraints(max_touches=9, min_touches=7), Constraints(max_touches=6)]
    requests = [PlanRequest(f"c{number}", rules[number % 3], 20.0, COSTS) for number in range(CUSTOMERS)]
    together = plan_journeys(model, STEPS, WHO, requests)
    assert together == [plan_journey(model, STEPS, WHO, request) for request in requests]


def test_no_touch_is_planned_where_none_is_worth_its_cost():
    dear = dict.fromkeys(FOUR, 5.0)
    found = plan(PlanRequest("c2", Constraints(max_touches=5), 10.0, dear))
    assert (found.touches, found.expected_value, found.expected_cost) == ((), 0.0, 0.0)
    assert found.probability == pytest.approx(found.probability_without)


def test_a_demanded_length_is_kept_even_at_a_loss():
    found = plan(PlanRequest("c2", Constraints(max_touches=5, min_touches=3), 10.0, dict.fromkeys(FOUR, 5.0)))
    assert (len(found.touches), found.expected_value < 0) == (3, True)


def test_a_higher_margin_never_plans_for_less_probability():
    model = random_lstm(9)
    for number in range(10):
        low, high = (
            plan(PlanRequest(f"c{number}", Constraints(max_touches=4), margin, COSTS), model) for margin in (2.0, 20.0)
        )
        assert low.probability <= high.probability + 1e-9


@pytest.mark.parametrize("change", [15.0, -9.0])
def test_what_a_conversion_changes_beyond_it_counts_as_what_it_brings(change: float):
    rules = Constraints(max_touches=4)
    for number in range(10):
        split = plan(PlanRequest(f"c{number}", rules, 10.0, COSTS, residual_change=change))
        whole = plan(PlanRequest(f"c{number}", rules, 10.0 + change, COSTS))
        assert (sequence(split), split.expected_value) == (sequence(whole), whole.expected_value)


def test_a_request_is_the_same_after_storing():
    request = PlanRequest("c1", Constraints(3), 10.0, COSTS, NOW, 12.0, 0.5, "Asia/Tokyo", -2.0)
    assert PlanRequest.from_data("c1", request.as_data()) == request
    told = {name: value for name, value in request.as_data().items() if name != "residual_change"}
    assert PlanRequest.from_data("c1", told) == replace(request, residual_change=0.0)  # stored before there was one


def test_the_interval_holds_the_probability():
    found = plan(PlanRequest("c3", Constraints(max_touches=5, min_touches=5)))
    assert found.probability_low < found.probability < found.probability_high


def test_the_step_table_adds_up():
    found = plan(PlanRequest("c3", Constraints(max_touches=5, min_touches=5), 30.0, COSTS))
    last = found.touches[-1]
    assert 1 - last.reached * (1 - last.hazard) == pytest.approx(found.probability)
    assert sum(touch.reached * touch.cost for touch in found.touches) == pytest.approx(found.expected_cost)


def test_touches_are_planned_at_their_gap():
    found = plan(PlanRequest("c3", Constraints(max_touches=3, min_touches=3), gap_hours=12.0))
    assert [touch.time - NOW for touch in found.touches] == [timedelta(hours=12) * k for k in range(3)]


def test_customers_without_touches_or_attributes_get_a_plan():
    found = plan(PlanRequest("nobody", Constraints(max_touches=3, min_touches=1)))
    assert (len(found.touches) >= 1, found.probability_without) == (True, 0.0)


def test_a_chain_is_planned_with_by_the_same_search():
    model = train_markov(random_steps(4, 300, 4))
    bold = replace(model.about.support, caution=0.0)
    model = replace(model, about=replace(model.about, support=bold))
    best = model.about.vocabulary.channels[int(model.hazard_logit[:4].argmax())]
    found = plan(PlanRequest("c1", Constraints(max_touches=3, min_touches=3)), model)
    assert sequence(found) == (best,) * 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"margin": -1.0}, r"requests\[0\].margin: -1.0 is not an amount"),
        ({"residual_change": -1.5}, r"requests\[0\].residual_change: -1.5 takes more than the margin of 1.0"),
        ({"residual_change": np.nan}, r"requests\[0\].residual_change: nan"),
        ({"touch_costs": {"fax": 1.0}}, r"requests\[0\].touch_costs: no channel 'fax'"),
        ({"gap_hours": 0.0}, r"requests\[0\].gap_hours: 0.0 is not a positive number"),
        ({"first_at": NOW - timedelta(days=1)}, r"requests\[0\].first_at: .* is past"),
        ({"first_at": NOW.replace(tzinfo=None)}, "names no offset"),
    ],
)
def test_a_wrong_field_of_a_request_is_named(wrong, message):
    with pytest.raises(InvalidInput, match=message):
        plan(replace(PlanRequest("c1", Constraints(max_touches=2)), **wrong))


def test_one_infeasible_request_does_not_stop_the_others():
    requests = [
        PlanRequest("c1", Constraints(max_touches=2, fixed={3: "call"})),
        PlanRequest("c2", Constraints(max_touches=2)),
    ]
    first, second = plan_journeys(random_lstm(), STEPS, WHO, requests)
    assert isinstance(first, Infeasible)
    assert isinstance(second, Plan)
