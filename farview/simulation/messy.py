"""What real exports look like: the clean rows of a block with their usual faults added.

Faults are drawn per customer, so they keep the promise of the clean rows: a customer's rows are the same whatever is
simulated beside them.
"""

from dataclasses import replace

import numpy as np

from farview.core.randomness import generator
from farview.simulation.business import IMPRESSION, BoolArray, FloatArray, IntArray, World
from farview.simulation.calendar import DAY_US, SECOND_US
from farview.simulation.customers import BLOCK, Customers
from farview.simulation.touch_log import CONVERSION, LogRows
from farview.simulation.transactions import Purchases

TOUCHED_AFTER = 0.3  # of converted customers are touched once more, up to ten days after
CONVERTED_TWICE = 0.15  # of converted customers convert once more, up to ten days after
TIED = 0.1  # of customers have their second touch at the instant of the first
UNTOUCHED = 0.05  # of customers without a touch convert all the same
DOUBLED = 0.02  # of customers have their first row twice

RETURNED = 0.08  # of customers return their first purchase, up to twenty days after
SAME_DAY = 0.05  # of customers buy again within the hour after their first purchase
FREE = 0.02  # of customers paid nothing for their first purchase


def messy_log(world: World, customers: Customers, rows: LogRows) -> LogRows:
    """The touch log of one block as a careless export, in no order at all; added touches have no propensity."""
    random = generator(world.seed, "messy touchpoints", str(customers.number[0] // BLOCK))
    chance, wait = random.random((2, 5, BLOCK))
    first = _first_of_each(rows.customer)
    second = np.append(False, first[:-1]) & ~first & (rows.kind != CONVERSION)
    tied = second & (_of(rows, chance[0]) < TIED)
    won = rows.take(rows.kind == CONVERSION)
    touched = replace(_later(won, wait[1]), kind=np.full(len(won), IMPRESSION), value=np.zeros(len(won)))
    doubled = first & (_of(rows, chance[3]) < DOUBLED)
    merged = LogRows.concatenate(
        [
            replace(rows, time_us=np.where(tied, np.roll(rows.time_us, 1), rows.time_us)),
            rows.take(doubled),
            touched.take(_of(won, chance[1]) < TOUCHED_AFTER),
            _later(won, wait[2]).take(_of(won, chance[2]) < CONVERTED_TWICE),
            _untouched(world, customers, rows, chance[4], wait[4]),
        ]
    )
    merged = merged.take(merged.time_us < _end_us(world))
    return merged.take(_shuffled(merged.customer, random.random((BLOCK, 4 * world.max_touches + 8))))


def messy_purchases(world: World, customers: Customers, rows: Purchases) -> Purchases:
    """The purchases of one block with returns (negative amounts), same-day purchases and free ones."""
    random = generator(world.seed, "messy transactions", str(customers.number[0] // BLOCK))
    chance, wait = random.random((2, 3, BLOCK))
    starts = rows.order == 0
    first = rows.take(starts)
    count = np.diff(np.append(np.flatnonzero(starts), len(rows)))
    free = starts & (_of(rows, chance[0]) < FREE)
    returned = replace(first, order=count, time_us=_after(first, wait[1], 20 * DAY_US), amount=-first.amount)
    again = replace(first, order=count + 1, time_us=_after(first, wait[2], 3600 * SECOND_US))
    merged = Purchases.concatenate(
        [
            replace(rows, amount=np.where(free, 0.0, rows.amount)),
            returned.take((_of(first, chance[1]) < RETURNED) & ~free[starts]),
            again.take(_of(first, chance[2]) < SAME_DAY),
        ]
    )
    merged = merged.take(merged.time_us < _end_us(world))
    return merged.take(np.lexsort((merged.order, merged.time_us, merged.customer)))


def _untouched(world: World, customers: Customers, rows: LogRows, chance: FloatArray, wait: FloatArray) -> LogRows:
    """Conversions of customers who have no row, stamped with the world's first channel."""
    row = customers.number % BLOCK
    who = ~np.isin(customers.number, rows.customer) & (chance[row] < UNTOUCHED)
    n = int(who.sum())
    seconds = (wait[row[who]] * world.log_days * 86_400).astype(np.int64)
    return LogRows(
        customer=customers.number[who],
        time_us=_end_us(world) - SECOND_US * (1 + seconds),
        kind=np.full(n, CONVERSION),
        channel=np.zeros(n, np.int64),
        value=np.round(world.conversion_value_mean[customers.segment[who]], 2),
        propensity=np.full(n, np.nan),
    )


def _later(rows: LogRows, wait: FloatArray) -> LogRows:
    return replace(rows, time_us=_after(rows, wait, 10 * DAY_US))


def _after(rows: LogRows | Purchases, wait: FloatArray, longest_us: int) -> IntArray:
    """Times up to `longest_us` after those of the rows, in whole seconds."""
    seconds = (_of(rows, wait) * (longest_us // SECOND_US)).astype(np.int64)
    return np.asarray(rows.time_us + SECOND_US * (1 + seconds))


def _of(rows: LogRows | Purchases, per_customer: FloatArray) -> FloatArray:
    """The draw of each row's customer."""
    return np.asarray(per_customer[rows.customer % BLOCK])


def _first_of_each(customer: IntArray) -> BoolArray:
    """Whether a row is the first of its customer; rows come by customer."""
    return np.asarray(np.diff(customer, prepend=-1) != 0)


def _shuffled(customer: IntArray, keys: FloatArray) -> IntArray:
    """An order that mixes customers, by keys of each customer's i-th row."""
    by_customer = np.argsort(customer, kind="stable")
    ordered = customer[by_customer]
    nth = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    return np.asarray(by_customer[np.argsort(keys[ordered % BLOCK, nth], kind="stable")])


def _end_us(world: World) -> int:
    return int(world.log_end.timestamp()) * SECOND_US
