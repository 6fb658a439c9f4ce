"""Impressions against the relevance, attention and propensities that are said to make them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from farview.simulation.customers import Customers, customer_blocks
from farview.simulation.impressions import SLOTS, Lists, attention, simulate_lists
from farview.simulation.items import GRADES, Catalogue, grade_probabilities, make_catalogue, relevance, utility
from farview.simulation.world import make_world
from tests.simulation.frequencies import FAMILY_LEVEL, cell_p_value
from tests.tiers import examples

SEEDS = range(examples(ci=3, soak=30))
LEVEL = FAMILY_LEVEL / len(SEEDS)


@cache
def simulated(seed: int) -> tuple[Catalogue, Customers, Lists]:
    """A catalogue, the customer of every list, and the lists."""
    world = make_world(seed)
    catalogue = make_catalogue(world)
    blocks = list(customer_blocks(world, examples(ci=4000, soak=40_000)))
    lists = Lists.concatenate([simulate_lists(world, catalogue, block) for block in blocks])
    return catalogue, Customers.concatenate(blocks).take(lists.customer), lists


def grade_p_value(catalogue: Catalogue, customers: Customers, lists: Lists, looked: np.ndarray) -> float:
    """Smallest p-value, times 4, of reaching each grade, by slot and by whether the item is dear."""
    chances = grade_probabilities(catalogue, customers, lists.item)
    cells = np.arange(SLOTS) * 2 + (catalogue.price[lists.item] > np.median(catalogue.price))
    p_values = (
        cell_p_value(cells.ravel(), (lists.grade >= grade).ravel(), (looked * chances[:, :, grade:].sum(2)).ravel())
        for grade in range(1, len(GRADES))
    )
    return 4 * min(p_values)


@pytest.mark.parametrize("seed", SEEDS)
def test_grades_are_as_frequent_as_attention_times_their_probability(seed):
    catalogue, customers, lists = simulated(seed)
    assert grade_p_value(catalogue, customers, lists, attention(catalogue)) > LEVEL


@pytest.mark.parametrize("seed", SEEDS)
def test_outcomes_without_position_bias_are_found_wrong(seed):
    catalogue, customers, lists = simulated(seed)
    level = np.full(SLOTS, attention(catalogue).mean())
    assert grade_p_value(catalogue, customers, lists, level) < FAMILY_LEVEL


@pytest.mark.parametrize("seed", SEEDS)
def test_outcomes_that_ignore_the_price_are_found_wrong(seed):
    catalogue, customers, lists = simulated(seed)
    careless = replace(customers, price_sensitivity=np.zeros(len(customers)))
    assert grade_p_value(catalogue, careless, lists, attention(catalogue)) < FAMILY_LEVEL


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_by_logged_propensity_average_to_the_number_of_items_left_at_every_slot(seed):
    catalogue, _, lists = simulated(seed)
    weight = 1 / lists.propensity
    left = len(catalogue) - np.arange(SLOTS)  # E[1 / p] = sum over the items left of p / p
    error = weight.std(0) / np.sqrt(len(lists))
    assert np.abs((weight.mean(0) - left) / error).max() < norm.isf(LEVEL / 2 / SLOTS)


def test_no_list_shows_an_item_twice():
    _, _, lists = simulated(0)
    assert all(len(np.unique(row)) == SLOTS for row in lists.item)


def test_grade_probabilities_sum_to_one():
    catalogue, customers, lists = simulated(0)
    probabilities = grade_probabilities(catalogue, customers, lists.item)
    assert probabilities.min() >= 0
    assert probabilities.sum(2) == pytest.approx(np.ones((len(lists), SLOTS)))


def test_relevance_orders_items_as_the_utility_does():
    catalogue, customers, lists = simulated(0)
    for wanted, relevant in zip(
        utility(catalogue, customers, lists.item)[:200], relevance(catalogue, customers, lists.item)[:200], strict=True
    ):
        assert np.array_equal(np.argsort(wanted), np.argsort(relevant))


def test_customers_differ_in_what_they_want_most():
    catalogue, customers, _ = simulated(0)
    every = np.tile(np.arange(len(catalogue)), (200, 1))
    best = relevance(catalogue, customers.take(slice(0, 200)), every).argmax(1)
    assert len(np.unique(best)) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_popular_items_appeal_more_but_popularity_is_not_relevance(seed):
    catalogue, _, _ = simulated(seed)
    assert 0.3 < spearmanr(catalogue.popularity, catalogue.appeal).statistic < 0.8


def test_log_prices_have_the_spread_of_a_lognormal_catalogue():
    spreads = [np.log(make_catalogue(make_world(seed, item_count=2000)).price).std() for seed in range(10)]
    assert min(spreads) > 0.4
    assert max(spreads) < 1.0
