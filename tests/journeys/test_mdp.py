"""Journeys as a decision process: value iteration, policy evaluation, policy gradient, and the planner beside them."""

from itertools import product

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from farview.simulation.environment import JourneyEnvironment
from farview.simulation.optimum import PlanRules, optimal_plan
from farview.simulation.truth import Standing
from farview.simulation.world import make_world
from journeys.constraints import Constraints
from journeys.markov import train_markov
from journeys.mdp import Mdp, journey_mdp, policy_evaluation, value_iteration
from journeys.plan import PlanRequest
from journeys.planning import Beam, histories, plan_journey
from journeys.policy_gradient import GradientOptions, policy_gradient
from tests.journeys.models import CHANNELS, NOW, random_log, random_steps


def random_mdp(seed: int, states: int = 4, actions: int = 2, discount: float = 0.9) -> Mdp:
    random = np.random.default_rng(seed)
    permitted = random.random((actions, states)) < 0.8
    permitted[0, :-1], permitted[:, -1] = True, False  # the last state is an end
    return Mdp(
        random.dirichlet(np.ones(states), (actions, states)), random.normal(size=(actions, states)), permitted, discount
    )


def one_hot(policy: np.ndarray, actions: int) -> np.ndarray:
    return (np.arange(actions)[:, None] == policy).astype(float)


@pytest.mark.parametrize("seed", range(10))
def test_value_iteration_finds_the_best_of_all_policies(seed: int):
    mdp = random_mdp(seed)
    values, policy = value_iteration(mdp)
    choices = [np.flatnonzero(mdp.permitted[:, state]).tolist() or [-1] for state in range(4)]
    every = [policy_evaluation(mdp, one_hot(np.array(chosen), 2)) for chosen in product(*choices)]
    np.testing.assert_allclose(values, np.max(every, axis=0), atol=1e-8)
    np.testing.assert_allclose(policy_evaluation(mdp, one_hot(policy, 2)), values, atol=1e-8)


def test_the_value_of_a_policy_is_its_mean_return():
    mdp, policy = random_mdp(3, discount=0.8), np.full((2, 4), 0.5)
    mdp.permitted[:, :3] = True
    policy[:, 3] = 0.0
    value, random, n = policy_evaluation(mdp, policy)[0], np.random.default_rng(0), 20_000
    state, total, scale = np.zeros(n, np.int64), np.zeros(n), 1.0
    for _ in range(60):
        action = random.integers(0, 2, n)
        total += scale * mdp.rewards[action, state] * (state < 3)
        moved = (np.cumsum(mdp.transitions[action, state], axis=1) <= random.random(n)[:, None]).sum(axis=1)
        state, scale = np.where(state < 3, moved, 3), scale * 0.8
    assert abs(total.mean() - value) < 4 * total.std() / np.sqrt(n)


def test_a_process_that_never_ends_needs_a_discount():
    forever = Mdp(np.ones((1, 1, 1)), np.ones((1, 1)), np.ones((1, 1), np.bool_))
    for solve in (value_iteration, lambda mdp: policy_evaluation(mdp, np.ones((1, 1)))):
        with pytest.raises(InvalidInput, match=r"settle|never ends"):
            solve(forever)


@pytest.mark.parametrize("seed", range(10))
def test_a_policy_that_goes_in_circles_is_refused_however_its_system_looks(seed: int):
    circles = np.zeros((1, 5, 5))  # I - P is singular but for rounding, so solving it seldom fails
    circles[0, :4, :4] = np.random.default_rng(seed).dirichlet(np.ones(4), 4)
    permitted = np.array([[True, True, True, True, False]])
    with pytest.raises(InvalidInput, match="never ends"):
        policy_evaluation(Mdp(circles, np.ones((1, 5)), permitted), permitted.astype(float))


def test_a_policy_that_is_no_probabilities_is_refused():
    with pytest.raises(InvalidInput, match="sum to 1"):
        policy_evaluation(random_mdp(3), np.array([[0.7, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))


def test_transitions_that_are_no_probabilities_are_refused():
    with pytest.raises(InvalidInput, match="transitions"):
        Mdp(np.full((1, 2, 2), 0.6), np.zeros((1, 2)), np.ones((1, 2), np.bool_))


@pytest.mark.parametrize("seed", range(3))
def test_the_process_of_a_world_is_worth_what_its_best_plan_is(seed: int):
    world = make_world(seed, channels=4)
    standing = Standing(seed, (True, True, False, True), (1,), (0,))
    environment = JourneyEnvironment(world, standing, 5, 40.0, world.touch_cost)
    mdp = journey_mdp(environment.hazards, 40.0, world.touch_cost, np.array(standing.consent))
    best = optimal_plan(world, standing, PlanRules(5), margin=40.0, cost=world.touch_cost)
    assert value_iteration(mdp)[0][1] == pytest.approx(best.value)


def test_the_planner_of_a_chain_finds_what_value_iteration_finds():
    """A first-order chain is such a process, so the two must agree."""
    model = train_markov(random_steps(1, 400, 4))
    past = histories(model.about, random_log(2, 5, 4), NOW)
    costs = {name: 0.01 * number for number, name in enumerate(CHANNELS[:4])}
    request = PlanRequest("nobody", Constraints(4), 2.0, costs)
    plan = plan_journey(model, past, None, request, Beam(256))
    lowered = (
        model.hazard_logit[:4] - model.about.support.penalty()[[0, 1, 2, 3, 5]] * model.about.calibration.temperature
    )
    hazards = np.tile(model.about.calibration.probability(lowered), (4, 1, 1))
    mdp = journey_mdp(hazards, 2.0, np.array(list(costs.values())), np.ones(4, np.bool_))
    assert plan.expected_value == pytest.approx(value_iteration(mdp)[0][4], abs=1e-6)


def test_a_policy_learnt_by_trying_comes_near_the_best_plan_of_a_world():
    world = make_world(4, channels=4)
    standing = Standing(1, (True,) * 4)
    environment = JourneyEnvironment(world, standing, 3, 40.0, world.touch_cost)
    mdp = journey_mdp(environment.hazards, 40.0, world.touch_cost, np.ones(4, np.bool_))
    best = value_iteration(mdp)[0][4]
    learnt = policy_gradient(environment, GradientOptions(rounds=250, episodes=1_000))
    policy = learnt.T * mdp.permitted
    at_random = policy_evaluation(mdp, mdp.permitted / np.maximum(mdp.permitted.sum(axis=0), 1))[4]
    assert policy_evaluation(mdp, policy)[4] - at_random >= 0.9 * (best - at_random)
