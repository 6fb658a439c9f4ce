"""Ways of choosing touches, rolled out on a model."""

from dataclasses import replace

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from journeys.comparison import NAMES, WhatIf, compare
from journeys.constraints import Constraints
from journeys.markov import train_markov
from journeys.markov2 import train_markov2
from journeys.plan import PlanRequest
from journeys.planning import Beam, histories, plan_journey, plan_journeys, trip
from journeys.rollout import STOP, Exploring, Following, at_random, greedy, historical, roll
from tests.journeys.models import CHANNELS, NOW, attributes, random_log, random_lstm, random_steps

COSTS = {"call": 0.05, "display": 0.01}


@pytest.fixture(scope="module")
def lstm():
    return random_lstm(3, channels=3)


def ready(model, rules: Constraints, customers: int = 12, margin: float = 3.0):
    past = histories(model.about, random_log(2, customers, 3), NOW)
    requests = [PlanRequest(f"c{number}", rules, margin, COSTS) for number in range(customers)]
    return trip(model, past, attributes(customers), requests), past, requests


def test_a_plan_followed_comes_to_what_the_plan_says(lstm):
    journeys, past, requests = ready(lstm, Constraints(4))
    plans = plan_journeys(lstm, past, attributes(12), requests)
    wanted = np.full((12, 4), STOP)
    for row, plan in enumerate(plans):
        wanted[row, : len(plan.touches)] = [CHANNELS.index(touch.channel) for touch in plan.touches]
    rolled = roll(lstm, journeys, Following.of(wanted))
    np.testing.assert_allclose(rolled.probability, [plan.probability for plan in plans], atol=1e-6)
    np.testing.assert_allclose(rolled.value, [plan.expected_value for plan in plans], atol=1e-5)
    np.testing.assert_allclose(rolled.cost, [plan.expected_cost for plan in plans], atol=1e-6)


def test_a_journey_that_never_begins_changes_nothing(lstm):
    journeys, past, requests = ready(lstm, Constraints(3))
    rolled = roll(lstm, journeys, lambda _look: np.full(12, STOP))
    without = [plan.probability_without for plan in plan_journeys(lstm, past, attributes(12), requests)]
    assert max(without) > 0  # a past touch may still convert
    np.testing.assert_allclose(rolled.probability, without)
    np.testing.assert_allclose(rolled.value, 0.0, atol=1e-12)


def test_revenue_is_what_conversions_bring_and_value_holds_what_they_change_beyond(lstm):
    past = histories(lstm.about, random_log(2, 12, 3), NOW)
    plain, changed = (
        roll(lstm, trip(lstm, past, attributes(12), requests), at_random)
        for requests in (
            [PlanRequest(f"c{number}", Constraints(2, 2), 3.0, COSTS, residual_change=change) for number in range(12)]
            for change in (0.0, 2.0)
        )
    )
    np.testing.assert_array_equal(changed.margin, plain.margin)
    np.testing.assert_allclose(changed.value - plain.value, 2.0 * (plain.probability - plain.without))


def test_no_way_of_choosing_betters_exact_plans(lstm):
    journeys, past, requests = ready(lstm, Constraints(3))
    best = [plan.expected_value for plan in plan_journeys(lstm, past, attributes(12), requests, Beam(81))]
    for policy in (greedy, at_random, historical(lstm), Exploring(0.3, 0.5)):
        assert np.all(roll(lstm, journeys, policy).value <= np.array(best) + 1e-6)


@pytest.mark.parametrize("policy", [greedy, at_random, Exploring(0.5, 0.5)])
def test_every_way_of_choosing_keeps_to_the_rules(lstm, policy):
    rules = Constraints(4, 3, fixed={2: CHANNELS[0]}, caps={CHANNELS[0]: 1}, forbidden=frozenset({(1, CHANNELS[1])}))
    path = roll(lstm, ready(lstm, rules)[0], policy, 5).path
    assert np.all(path[:, 1] == 0)
    assert np.all((path == 0).sum(axis=1) == 1)
    assert not np.any(path[:, 0] == 1)
    assert np.all((path != STOP).sum(axis=1) >= 3)


def test_what_is_drawn_is_keyed_by_customer_and_seed(lstm):
    past = histories(lstm.about, random_log(2, 12, 3), NOW)
    requests = [PlanRequest(f"c{number}", Constraints(4, 4)) for number in range(12)]
    whole = roll(lstm, trip(lstm, past, attributes(12), requests), at_random, 7).path
    some = roll(lstm, trip(lstm, past, attributes(12), requests[::-1][:5]), at_random, 7).path
    np.testing.assert_array_equal(whole[::-1][:5], some)
    assert not np.array_equal(whole, roll(lstm, trip(lstm, past, attributes(12), requests), at_random, 8).path)


def test_the_way_of_the_log_draws_what_followed_there():
    model = train_markov(random_steps(1, 400, 3))
    table = model.about.support.table()
    journeys, _, _ = ready(model, Constraints(1, 1), 3_000, 1.0)
    path = roll(model, journeys, historical(model)).path[:, 0]
    past = histories(model.about, random_log(2, 3_000, 3), NOW)
    places = {name: number for number, name in enumerate(past.customer_ids)}
    before = np.array([past.channel[past.offsets[places[n] + 1] - 1] if n in places else 4 for n in journeys.names])
    for code in range(3):
        expected, mine = table[code] / table[code].sum(), path[before == code]
        seen = np.bincount(mine, minlength=3) / len(mine)
        assert np.all(np.abs(seen - expected) < 4 * np.sqrt(expected * (1 - expected) / len(mine)))


def test_diversity_spreads_touches_over_channels(lstm):
    journeys, _, _ = ready(lstm, Constraints(4, 4))
    kinds = [
        np.mean([len({*path}) for path in roll(lstm, journeys, Exploring(0.0, share)).path]) for share in (0.0, 1.0)
    ]
    assert kinds[1] > kinds[0]


def test_the_decision_process_of_a_chain_chooses_as_well_as_its_plans():
    """A chain forgets all but the last touch, so nothing is lost but what counting touches blurs."""
    model = train_markov(random_steps(1, 400, 3))
    bold = replace(model.about, support=replace(model.about.support, caution=0.0))
    model = replace(model, about=bold)
    journeys, past, requests = ready(model, Constraints(3), 60)
    report = compare(model, journeys, plan_journeys(model, past, None, requests, Beam(81)))
    values = {name: report["policies"][name]["value"]["mean"] for name in NAMES}
    assert values["planner"] == pytest.approx(max(values.values()))
    assert values["decision_process"] == pytest.approx(values["planner"], rel=0.02)


def test_the_decision_process_heeds_the_touch_before_the_first():
    drawn = np.random.default_rng(3).normal(-2.5, 1.0, (5, 4))
    model = replace(train_markov2(random_steps(1, 100, 3)), hazard_logit=drawn)
    journeys, past, requests = ready(model, Constraints(1, 1), 200)
    report = compare(model, journeys, plan_journeys(model, past, None, requests))
    values = {name: report["policies"][name]["value"]["mean"] for name in NAMES}
    lead = values["planner"] - values["best_fixed"]
    assert lead > 1e-3  # which touch is best depends on the one before
    assert values["decision_process"] == pytest.approx(values["planner"], abs=0.1 * lead)


def test_the_comparison_is_of_the_same_customers(lstm):
    journeys, past, requests = ready(lstm, Constraints(3))
    report = compare(lstm, journeys, plan_journeys(lstm, past, attributes(12), requests), WhatIf((0.0, 1.0), (0.0,)))
    figures = report["policies"]
    assert tuple(figures) == NAMES
    for each in figures.values():
        assert each["conversion"]["lower"] <= each["conversion"]["mean"] <= each["conversion"]["upper"]
        assert np.all(np.diff(each["cumulative_conversion"]) >= 0)
        assert each["cumulative_conversion"][-1] == pytest.approx(each["conversion"]["mean"])
        assert each["value"]["mean"] <= figures["planner"]["value"]["mean"] + 1e-6
    still, moved = report["what_if"]
    assert still["value"] == figures["greedy"]["value"]
    assert moved["value"]["mean"] < still["value"]["mean"]
    assert {*report["best_fixed_plan"]} <= {*CHANNELS[:3]}


def test_support_counts_only_touches_that_the_log_holds(lstm):
    counts = np.zeros((5, 3))
    counts[:, 1] = 100.0
    support = replace(lstm.about.support, counts=tuple(map(tuple, counts.tolist())))
    model = replace(lstm, about=replace(lstm.about, support=support))
    wanted = np.tile([1, 2, 1], (12, 1))
    rolled = roll(model, ready(model, Constraints(3, 3))[0], Following.of(wanted))
    assert rolled.supported.tolist() == [[True, False, True]] * 12


def test_shares_that_are_none_are_refused(lstm):
    journeys, past, requests = ready(lstm, Constraints(2))
    plans = plan_journeys(lstm, past, attributes(12), requests)
    with pytest.raises(InvalidInput, match="explorations"):
        compare(lstm, journeys, plans, WhatIf((1.5,), (0.0,)))


def test_the_hours_to_a_conversion_are_those_of_its_touch_and_its_delay(lstm):
    journeys, past, requests = ready(lstm, Constraints(2, 2))
    found = plan_journey(lstm, past, attributes(12), requests[0])
    rolled = roll(lstm, journeys, greedy)
    gap = (found.touches[1].time - found.touches[0].time).total_seconds() / 3600
    assert rolled.hours[0, 1] - rolled.hours[0, 0] == pytest.approx(gap)
    assert rolled.hours[0, 0] == pytest.approx(lstm.about.timing.mean_delay_hours)
