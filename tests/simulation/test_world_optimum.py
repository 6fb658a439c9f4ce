"""The optimum by dynamic programming against trying every plan."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import Infeasible, InvalidInput
from farview.simulation.business import World
from farview.simulation.optimum import OptimalPlan, PlanRules, optimal_plan
from farview.simulation.truth import Standing, path_probability, planned_hazard
from farview.simulation.world import make_world
from tests.tiers import examples


@st.composite
def problems(draw: st.DrawFn) -> tuple[World, Standing, PlanRules, float, bool, int | None]:
    """Small worlds, customers anywhere in their journey, and rules that are often tight and sometimes impossible.

    Some worlds convert ten times as easily, up to the ceiling, so that what lies ahead weighs as much as what is next.
    """
    K = draw(st.integers(2, 4))
    confounded = draw(st.booleans())
    world = make_world(draw(st.integers(0, 10_000)), channels=K, confounded=confounded)
    easier = replace(world.journey, base=world.journey.base * draw(st.sampled_from([1.0, 10.0])))
    world = replace(world, journey=easier)
    channel = st.integers(0, K - 1)
    N = draw(st.integers(0, 4))
    position = st.integers(1, max(N, 1))
    some = st.integers(0, 2) if N else st.just(0)
    past = draw(st.lists(channel, max_size=3))
    standing = Standing(
        segment=draw(st.integers(0, 3)),
        consent=tuple(draw(st.lists(st.booleans() | st.just(True), min_size=K, max_size=K))),
        channels=tuple(past),
        interactions=tuple(draw(st.integers(0, 1)) for _ in past),
    )
    rules = PlanRules(
        max_touches=N,
        min_touches=draw(st.integers(0, N)),
        fixed=draw(st.dictionaries(position, channel, max_size=draw(some))),
        forbidden=frozenset(draw(st.sets(st.tuples(position, channel), max_size=3 * draw(some)))),
        caps=draw(st.dictionaries(channel, st.integers(0, 3), max_size=K)),
    )
    intent = draw(st.integers(0, 1)) if confounded else None
    return world, standing, rules, draw(st.sampled_from([1.0, 10.0, 40.0])), draw(st.booleans()), intent


def value_of(world: World, standing: Standing, plan: tuple[int, ...], *, margin, cost, intent) -> float:
    """The objective written out touch by touch, without the planner's code."""
    at_risk, value, previous = 1.0, 0.0, standing.previous
    for j, channel in enumerate(plan):
        h = planned_hazard(
            world,
            segment=standing.segment,
            position=len(standing.channels) + 1 + j,
            channel=channel,
            previous=previous,
            intent=intent or 0,
        )
        value += at_risk * (h * margin - cost[channel])
        at_risk *= 1 - h
        previous = channel
    return float(value)


def keeps(standing: Standing, rules: PlanRules, plan: tuple[int, ...]) -> bool:
    """Whether a plan keeps to the rules, read off their definition."""
    whole = (*standing.channels, *plan)
    return (
        rules.min_touches <= len(plan) <= rules.max_touches
        and all(standing.consent[channel] for channel in plan)
        and all(len(plan) >= position and plan[position - 1] == channel for position, channel in rules.fixed.items())
        and not any((j + 1, channel) in rules.forbidden for j, channel in enumerate(plan))
        and all(whole.count(channel) <= cap or channel not in plan for channel, cap in rules.caps.items())
    )


def brute_force(world: World, standing: Standing, rules: PlanRules, **objective) -> float | None:
    K = len(world.channels)
    every = (p for n in range(rules.max_touches + 1) for p in itertools.product(range(K), repeat=n))
    return max(
        (value_of(world, standing, plan, **objective) for plan in every if keeps(standing, rules, plan)), default=None
    )


@given(problems())
@settings(max_examples=examples(ci=150, soak=10_000))
def test_dynamic_programming_finds_the_value_of_the_best_of_all_plans(problem):
    world, standing, rules, margin, priced, intent = problem
    cost = world.touch_cost * margin if priced else np.zeros(len(world.channels))
    best = brute_force(world, standing, rules, margin=margin, cost=cost, intent=intent)
    if best is None:
        with pytest.raises(Infeasible):
            optimal_plan(world, standing, rules, margin=margin, cost=cost, intent=intent)
        return
    found = optimal_plan(world, standing, rules, margin=margin, cost=cost, intent=intent)
    assert keeps(standing, rules, found.channels)
    assert found.value == pytest.approx(best, abs=1e-12)
    assert value_of(world, standing, found.channels, margin=margin, cost=cost, intent=intent) == pytest.approx(best)


@given(problems())
@settings(max_examples=examples(ci=50, soak=2000))
def test_a_plan_reports_its_own_probability(problem):
    world, standing, rules, margin, _, intent = problem
    try:
        plan = optimal_plan(world, standing, rules, margin=margin, intent=intent)
    except Infeasible:
        return
    assert plan.probability == pytest.approx(path_probability(world, standing, plan.channels, intent), abs=1e-15)


def test_a_touch_that_costs_more_than_it_can_bring_is_not_sent():
    world = make_world(1)
    free = Standing(segment=0, consent=(True,) * 6)
    assert optimal_plan(world, free, PlanRules(5), margin=1.0, cost=np.full(6, 1.0)) == OptimalPlan((), 0.0, 0.0)


def test_the_best_plan_needs_the_intent_in_a_confounded_world():
    with pytest.raises(InvalidInput, match="intent: the best plan of a confounded world depends on it"):
        optimal_plan(make_world(1, confounded=True), Standing(0, (True,) * 6), PlanRules(3))


def test_a_rule_about_a_channel_that_does_not_exist_is_refused():
    with pytest.raises(InvalidInput, match=r"rules\.fixed: position 1, channel 6 does not exist"):
        optimal_plan(make_world(1), Standing(0, (True,) * 6), PlanRules(3, fixed={1: 6}))


def test_twelve_channels_with_caps_are_solved_exactly_enough_to_beat_a_thousand_random_plans():
    world = make_world(5, channels=12)
    standing = Standing(segment=2, consent=(True,) * 12)
    best = optimal_plan(world, standing, PlanRules(10, caps=dict.fromkeys(range(6), 2)))
    random = np.random.default_rng(0)
    others = [
        path_probability(world, standing, random.permutation(np.repeat(np.arange(12), 2))[:10]) for _ in range(1000)
    ]
    assert best.probability > max(others)
