"""Purchases of a world against the closed forms of the model that is said to make them."""

from functools import cache

import numpy as np
import pytest
from scipy.special import hyp2f1
from scipy.stats import norm

from farview.simulation.calendar import DAY_US
from farview.simulation.customers import Customers, customer_blocks
from farview.simulation.transactions import BuyingHabits, Purchases, simulate_purchases
from farview.simulation.world import make_world
from tests.simulation.frequencies import FAMILY_LEVEL
from tests.tiers import examples

SEEDS = range(examples(ci=3, soak=20))
BOUND = norm.isf(FAMILY_LEVEL / 2 / len(SEEDS))
COUNT = examples(ci=10_000, soak=100_000)


@cache
def simulated(seed: int) -> Purchases:
    world = make_world(seed)
    return Purchases.concatenate(simulate_purchases(world, block) for block in customer_blocks(world, COUNT))


def test_every_customer_has_bought_before_the_touch_log_starts():
    world, purchases = make_world(0), simulated(0)
    first = purchases.take(purchases.order == 0)
    start_us = int(np.datetime64(world.log_start, "us").astype(np.int64))
    assert np.array_equal(first.customer, np.arange(COUNT))
    assert np.all(first.time_us < start_us + DAY_US / 2)  # a customer's own midnight may be half a day after UTC's
    assert np.all(first.time_us > start_us - (world.history_days + 1) * DAY_US)


def test_purchases_of_a_customer_are_numbered_in_time():
    purchases = simulated(0)
    same = np.diff(purchases.customer) == 0
    assert np.all(np.diff(purchases.order)[same] == 1)
    assert np.all(np.diff(purchases.time_us)[same] >= 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_repeat_purchases_are_as_many_as_the_bg_nbd_expects(seed):
    """Fader, Hardie, Lee (2005), eq. (9), summed over the customers' ages."""
    world, purchases, h = make_world(seed), simulated(seed), BuyingHabits()
    first = purchases.take(purchases.order == 0)
    t = (world.log_end.timestamp() - first.time_us / 1e6) / 86_400
    z = t / (h.alpha_days + t)
    shrink = (h.alpha_days / (h.alpha_days + t)) ** h.r * hyp2f1(h.r, h.b, h.a + h.b - 1, z)
    expected = (h.a + h.b - 1) / (h.a - 1) * (1 - shrink)
    repeats = np.bincount(purchases.customer) - 1
    difference = repeats - expected
    assert abs(difference.mean() / (difference.std() / np.sqrt(COUNT))) < BOUND


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mean_amount_is_that_of_the_gamma_gamma_population(seed):
    purchases, h = simulated(seed), BuyingHabits()
    first = purchases.amount[purchases.order == 0]
    assert abs((first.mean() - h.p * h.v / (h.q - 1)) / (first.std() / np.sqrt(COUNT))) < BOUND


@pytest.mark.parametrize("seed", SEEDS)
def test_amounts_do_not_depend_on_how_often_a_customer_buys(seed):
    purchases = simulated(seed)
    mean = np.bincount(purchases.customer, purchases.amount) / np.bincount(purchases.customer)
    often = np.bincount(purchases.customer) > 3
    gap = mean[often].mean() - mean[~often].mean()
    assert abs(gap / np.hypot(*(mean[who].std() / np.sqrt(who.sum()) for who in (often, ~often)))) < BOUND


def test_customers_without_rows_ask_for_no_purchases():
    world = make_world(0)
    nobody: Customers = next(customer_blocks(world, 1)).take(slice(0, 0))
    assert len(simulate_purchases(world, nobody)) == 0
