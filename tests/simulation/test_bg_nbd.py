"""Simulated purchases follow the BG/NBD they are drawn from."""

import numpy as np
import pyarrow as pa

from farview.core.randomness import generator
from farview.simulation.bg_nbd import BLOCK, BuyingHabits, Span, purchase_paths, simulate_events
from ltv.bg_nbd_expectation import expected_purchases_while_alive
from tests.tiers import examples

HABITS = BuyingHabits()


def test_repeat_purchases_have_their_closed_form_mean() -> None:
    # Customers watched for a year; 5 standard errors: two-sided level 6e-7.
    days, _ = purchase_paths(generator(1, "test"), HABITS, np.zeros(examples(ci=40_000, soak=200_000)), 365.0)
    repeats = np.sum(~np.isnan(days), axis=1) - 1
    expected = expected_purchases_while_alive(HABITS.r, HABITS.alpha_days, HABITS.a, HABITS.b, 365.0)
    assert abs(repeats.mean() - expected) < 5 * repeats.std() / np.sqrt(len(repeats))


def test_amounts_have_their_closed_form_mean() -> None:
    # E[p / nu] = p v / (q - 1); one amount a customer, 5 standard errors.
    _, amounts = purchase_paths(generator(2, "test"), HABITS, np.zeros(200_000), 1.0)
    first = amounts[:, 0]
    assert abs(first.mean() - HABITS.p * HABITS.v / (HABITS.q - 1)) < 5 * first.std() / np.sqrt(len(first))


def test_more_customers_do_not_change_the_first_ones() -> None:
    few = pa.Table.from_batches(simulate_events(BLOCK + 100, seed=3))
    more = pa.Table.from_batches(simulate_events(BLOCK + 500, seed=3))
    assert more.slice(0, len(few)).equals(few)


def test_everybody_buys_first_while_customers_arrive_and_last_before_the_end() -> None:
    span = Span(arriving_days=30, days=60)
    events = pa.Table.from_batches(simulate_events(1000, seed=4, span=span))
    assert len(events["customer_id"].unique()) == 1000
    days = (events["time"].to_numpy() - np.datetime64(span.start)) / np.timedelta64(1, "D")
    assert 0 <= days.min() < days.max() < 60
