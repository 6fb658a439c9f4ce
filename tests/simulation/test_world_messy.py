"""Messy exports: every fault is there, and the clean rows still are too."""

from collections import Counter

import numpy as np
import pytest

from farview.simulation.customers import customer_blocks
from farview.simulation.journeys import simulate_touches
from farview.simulation.messy import messy_log, messy_purchases
from farview.simulation.touch_log import CONVERSION, LogRows, log_rows
from farview.simulation.transactions import Purchases, simulate_purchases
from farview.simulation.world import make_world

COUNT = 5000


@pytest.fixture(scope="module")
def logs() -> tuple[LogRows, LogRows]:
    """Clean and messy."""
    world = make_world(3)
    blocks = list(customer_blocks(world, COUNT))
    clean = [log_rows(simulate_touches(world, block)) for block in blocks]
    messy = [messy_log(world, block, rows) for block, rows in zip(blocks, clean, strict=True)]
    return LogRows.concatenate(clean), LogRows.concatenate(messy)


@pytest.fixture(scope="module")
def purchases() -> tuple[Purchases, Purchases]:
    """Clean and messy."""
    world = make_world(3)
    blocks = list(customer_blocks(world, COUNT))
    clean = [simulate_purchases(world, block) for block in blocks]
    messy = [messy_purchases(world, block, rows) for block, rows in zip(blocks, clean, strict=True)]
    return Purchases.concatenate(clean), Purchases.concatenate(messy)


def in_order(rows: LogRows) -> LogRows:
    return rows.take(np.lexsort((rows.kind == CONVERSION, rows.time_us, rows.customer)))


def rows_of(rows: LogRows) -> Counter:
    return Counter(zip(rows.customer, rows.kind, rows.channel, rows.value, strict=True))


def test_clean_rows_stay_but_for_the_time_of_tied_ones(logs):
    clean, messy = logs
    assert rows_of(clean) <= rows_of(messy)


def test_the_log_is_in_no_order(logs):
    _, messy = logs
    assert 0.4 < np.mean(np.diff(messy.customer) < 0) < 0.6


def test_some_customers_are_touched_after_their_conversion(logs):
    ordered = in_order(logs[1])
    after = (ordered.kind[1:] != CONVERSION) & (ordered.kind[:-1] == CONVERSION)
    assert (after & (np.diff(ordered.customer) == 0)).sum() > 50


def test_some_customers_convert_twice(logs):
    messy = logs[1]
    assert (np.bincount(messy.customer[messy.kind == CONVERSION]) >= 2).sum() > 25


def test_some_customers_convert_without_a_touch(logs):
    messy = logs[1]
    touched = np.unique(messy.customer[messy.kind != CONVERSION])
    assert len(np.setdiff1d(messy.customer, touched)) > 10


def test_some_touches_share_an_instant(logs):
    ordered = in_order(logs[1])
    ties = (np.diff(ordered.time_us) == 0) & (np.diff(ordered.customer) == 0) & (ordered.kind[1:] != CONVERSION)
    assert ties.sum() > 200


def test_some_rows_come_twice(logs):
    messy = logs[1]
    whole = Counter(zip(messy.customer, messy.time_us, messy.kind, messy.channel, strict=True))
    assert sum(count > 1 for count in whole.values()) > 50


def test_returns_give_back_exactly_the_first_purchase(purchases):
    _, messy = purchases
    returned = messy.take(messy.amount < 0)
    first = {c: a for c, a, o in zip(messy.customer, messy.amount, messy.order, strict=True) if o == 0}
    assert 0.05 * COUNT < len(returned) < 0.11 * COUNT
    assert all(first[c] == -a for c, a in zip(returned.customer, returned.amount, strict=True))


def test_some_purchases_are_free_and_some_are_made_within_the_hour_of_another(purchases):
    clean, messy = purchases
    same_hour = (np.diff(messy.time_us) <= 3.6e9) & (np.diff(messy.customer) == 0) & (messy.amount[1:] > 0)
    assert (messy.amount == 0).sum() > 50
    assert same_hour.sum() > 150
    assert (clean.amount == 0).sum() == 0


def test_messy_transaction_numbers_stay_unique(purchases):
    _, messy = purchases
    assert len(set(zip(messy.customer, messy.order, strict=True))) == len(messy)
