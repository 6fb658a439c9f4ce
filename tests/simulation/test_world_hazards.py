"""Simulated journeys against the hazards and propensities that are said to make them."""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2, norm

from farview.simulation.business import NO_CHANNEL, World
from farview.simulation.customers import Customers
from farview.simulation.journeys import Touches, simulate_journeys
from farview.simulation.policy import propensities
from farview.simulation.truth import (
    Standing,
    believed_intent,
    hazard,
    historical_probability,
    observed_hazards,
    path_probability,
    planned_hazard,
)
from farview.simulation.world import make_world
from tests.simulation.frequencies import FAMILY_LEVEL, cell_p_value
from tests.tiers import examples

SEEDS = range(examples(ci=3, soak=30))
WORLDS = [(seed, confounded) for seed in SEEDS for confounded in (False, True)]
LEVEL = FAMILY_LEVEL / len(WORLDS)


@cache
def simulated(seed: int, confounded: bool) -> tuple[World, Customers, Touches]:
    world = make_world(seed, confounded=confounded)
    customers, touches = simulate_journeys(world, examples(ci=20_000, soak=100_000))
    return world, customers, touches.take(touches.fully_observed)


def previous_channel(touches: Touches) -> np.ndarray:
    return np.where(touches.position == 1, NO_CHANNEL, np.roll(touches.channel, 1))


def cells(customers: Customers, touches: Touches) -> np.ndarray:
    """Previous channel x channel x interaction x early or late."""
    late = touches.position > 3
    return ((previous_channel(touches) + 1) * 100 + touches.channel) * 4 + touches.interaction * 2 + late


@pytest.mark.parametrize(("seed", "confounded"), WORLDS)
def test_conversions_are_as_frequent_as_the_true_hazards(seed, confounded):
    _, customers, touches = simulated(seed, confounded)
    assert cell_p_value(cells(customers, touches), touches.converted, touches.hazard) > LEVEL


@pytest.mark.parametrize(("seed", "confounded"), WORLDS)
def test_conversions_are_as_frequent_as_the_true_hazards_in_every_segment_at_every_position(seed, confounded):
    _, customers, touches = simulated(seed, confounded)
    by = customers.segment[touches.customer] * 100 + touches.position
    assert cell_p_value(by, touches.converted, touches.hazard) > LEVEL


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hazard_that_forgets_the_touch_before_is_found_wrong(seed):
    world, customers, touches = simulated(seed, False)
    forgetful = hazard(
        world,
        segment=customers.segment[touches.customer],
        position=touches.position,
        channel=touches.channel,
        interaction=touches.interaction,
        previous=np.full(len(touches), NO_CHANNEL),
    )
    assert cell_p_value(cells(customers, touches), touches.converted, forgetful) < FAMILY_LEVEL


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hazard_that_does_not_learn_the_intent_from_the_journey_is_found_wrong(seed):
    world, customers, touches = simulated(seed, True)
    naive = sum(
        share
        * hazard(
            world,
            segment=customers.segment[touches.customer],
            position=touches.position,
            channel=touches.channel,
            interaction=touches.interaction,
            previous=previous_channel(touches),
            intent=u,
        )
        for u, share in enumerate(world.intent_share)
    )
    assert cell_p_value(cells(customers, touches), touches.converted, naive) < FAMILY_LEVEL


def test_the_hazard_is_the_product_of_its_effects():
    effects = (world := make_world(11)).journey
    by_hand = (
        effects.base[2] * effects.position[3] * effects.segment[1, 2] * effects.interaction[1] * effects.previous[4, 2]
    )
    assert hazard(world, segment=1, position=4, channel=2, interaction=1, previous=4) == pytest.approx(by_hand)


@pytest.mark.parametrize("confounded", [False, True])
@pytest.mark.parametrize("channels", [2, 6, 12])
def test_between_2_and_7_percent_of_at_risk_steps_convert_in_every_world(channels, confounded):
    shares = []
    for seed in range(examples(ci=12, soak=200)):
        _, touches = simulate_journeys(make_world(seed, channels=channels, confounded=confounded), 3000)
        shares.append(touches.converted.mean())
    assert min(shares) > 0.02
    assert max(shares) < 0.07


def test_propensities_are_the_mixture_of_softmax_and_exploration():
    world = make_world(12, channels=3, confounded=True)
    log_odds = world.policy.preference[1] + world.policy.targeting[1] + np.array([0.0, 0.0, world.policy.sticky])
    odds = np.exp(log_odds) * [1, 0, 1]  # the second channel is not permitted
    by_hand = 0.9 * odds / odds.sum() + 0.1 * np.array([1, 0, 1]) / 2
    chances = propensities(world, np.array([1]), np.array([2]), np.array([[True, False, True]]), 1)
    assert chances[0] == pytest.approx(by_hand, rel=1e-14)


def all_propensities(world: World, customers: Customers, touches: Touches) -> np.ndarray:
    who = touches.customer
    return propensities(
        world, customers.segment[who], previous_channel(touches), customers.consent[who], customers.intent[who]
    )


@pytest.mark.parametrize(("seed", "confounded"), WORLDS)
def test_channels_are_as_frequent_as_the_logged_propensities(seed, confounded):
    world, customers, touches = simulated(seed, confounded)
    chances = all_propensities(world, customers, touches)
    assert np.array_equal(chances[np.arange(len(touches)), touches.channel], touches.propensity)
    by = customers.segment[touches.customer] * 10 + previous_channel(touches)
    for channel in range(len(world.channels)):
        p_value = cell_p_value(by, touches.channel == channel, chances[:, channel])
        assert p_value > LEVEL / len(world.channels)


@pytest.mark.parametrize("seed", SEEDS)
def test_propensities_of_a_policy_without_targeting_are_found_wrong(seed):
    world, customers, touches = simulated(seed, True)
    who = touches.customer
    blind = propensities(world, customers.segment[who], previous_channel(touches), customers.consent[who], 0)
    by = customers.segment[who] * 10 + previous_channel(touches)
    assert min(cell_p_value(by, touches.channel == c, blind[:, c]) for c in range(6)) < FAMILY_LEVEL


@pytest.mark.parametrize("confounded", [False, True])
def test_propensities_sum_to_one_and_give_every_permitted_channel_support(confounded):
    world, customers, touches = simulated(0, confounded)
    chances, consent = all_propensities(world, customers, touches), customers.consent[touches.customer]
    assert chances.sum(1) == pytest.approx(np.ones(len(touches)))
    assert chances[consent].min() >= 0.1 / 6
    assert np.all(chances[~consent] == 0)


@dataclass(frozen=True, slots=True)
class Rates:
    """Conversion of first touches by channel, each with the standard error of its difference from the true rate."""

    true: np.ndarray  # if everybody who permits the channel got it
    naive: np.ndarray  # of those who got it
    naive_error: np.ndarray
    weighted: np.ndarray  # by 1 / propensity
    weighted_error: np.ndarray


def first_touch_rates(seed: int, confounded: bool) -> Rates:
    world, customers, touches = simulated(seed, confounded)
    first = touches.take(touches.position == 1)
    rows = []
    for channel in range(6):
        permits = first.take(customers.consent[first.customer, channel])
        who, got = permits.customer, permits.channel == channel
        true = planned_hazard(
            world,
            segment=customers.segment[who],
            position=1,
            channel=channel,
            previous=NO_CHANNEL,
            intent=customers.intent[who],
        )
        naive = permits.converted[got]
        weighted = got * permits.converted / permits.propensity - true
        rows.append(
            (
                true.mean(),
                naive.mean(),
                naive.std() / np.sqrt(len(naive)),
                weighted.mean() + true.mean(),
                weighted.std() / np.sqrt(len(who)),
            )
        )
    return Rates(*np.array(rows).T)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_confounded_world_naive_rates_by_channel_are_wrong_by_a_fifth_and_more(seed):
    rates = first_touch_rates(seed, confounded=True)
    assert np.abs(rates.naive / rates.true - 1).max() > 1 / 5
    assert chi2.sf((((rates.naive - rates.true) / rates.naive_error) ** 2).sum(), 6) < FAMILY_LEVEL


@pytest.mark.parametrize(("seed", "confounded"), WORLDS)
def test_propensity_weighted_rates_by_channel_are_true_with_or_without_confounding(seed, confounded):
    rates = first_touch_rates(seed, confounded)
    assert np.abs((rates.weighted - rates.true) / rates.weighted_error).max() < norm.isf(LEVEL / 2 / 6)


@pytest.mark.parametrize("confounded", [False, True])
def test_the_historical_probability_is_the_sum_over_all_paths(confounded):
    world = make_world(4, channels=3, confounded=confounded)
    standing = Standing(segment=2, consent=(True, True, False))
    total = 0.0
    for u, share in enumerate(world.intent_share):
        for path in itertools.product(range(3), repeat=4):
            chance, previous = 1.0, NO_CHANNEL
            for channel in path:
                consent = np.array([standing.consent])
                chance *= propensities(world, np.array([2]), np.array([previous]), consent, u)[0, channel]
                previous = channel
            total += share * chance * path_probability(world, standing, path, intent=u)
    assert historical_probability(world, standing, 4) == pytest.approx(total, rel=1e-12)


def test_the_intent_is_learned_by_bayes_from_channels_and_from_conversions_that_did_not_happen():
    world = make_world(9, confounded=True)
    journey, clicks, consent = (4, 4, 1), (0, 1, 0), np.ones((1, 6), np.bool_)
    joint = world.intent_share.copy()
    for u in range(2):
        for k, (previous, channel) in enumerate(itertools.pairwise((NO_CHANNEL, *journey))):
            joint[u] *= propensities(world, np.array([3]), np.array([previous]), consent, u)[0, channel]
            joint[u] *= 1 - hazard(
                world,
                segment=3,
                position=k + 1,
                channel=channel,
                interaction=clicks[k],
                previous=previous,
                intent=u,
            )
    standing = Standing(segment=3, consent=(True,) * 6, channels=journey, interactions=clicks)
    assert believed_intent(world, standing) == pytest.approx(joint / joint.sum(), rel=1e-12)


def test_a_path_without_touches_converts_nobody():
    assert path_probability(make_world(1, confounded=True), Standing(0, (True,) * 6), ()) == 0.0


def test_padding_does_not_change_the_hazards_of_the_touches_before_it():
    world = make_world(2, confounded=True)
    segment, consent = np.array([1]), np.ones((1, 6), np.bool_)
    journey = np.array([[3, 0, 5, 1]])
    whole = observed_hazards(world, segment, consent, journey, np.zeros((1, 4), np.int64))
    short = observed_hazards(world, segment, consent, journey[:, :2], np.zeros((1, 2), np.int64))
    assert np.array_equal(whole[:, :2], short)
