"""Buy till you die: purchase paths of customers with known parameters, for any number of them in little memory.

Rate and dropout follow the BG/NBD of Fader, Hardie, Lee (2005), Marketing Science 24(2), section 3; spend follows the
Gamma-Gamma of Fader, Hardie (2013), "The Gamma-Gamma Model of Monetary Value", section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pyarrow as pa

from farview.core import schemas
from farview.core.randomness import generator
from farview.simulation.business import FloatArray

BLOCK = 16_384  # customers that share a generator: the first customers are the same whatever the number simulated
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class BuyingHabits:
    """The population that customers are drawn from; the CDNOW estimates, in days, are the defaults."""

    r: float = 0.25  # purchase rate ~ Gamma(r, rate alpha)
    alpha_days: float = 31.0
    a: float = 0.8  # probability of leaving after a repeat purchase ~ Beta(a, b)
    b: float = 2.4
    p: float = 6.25  # amount ~ Gamma(p, rate nu), nu ~ Gamma(q, rate v)
    q: float = 3.74
    v: float = 15.44


@dataclass(frozen=True, slots=True)
class Span:
    """When customers come and how long they are watched."""

    start: date = date(1997, 1, 1)
    arriving_days: int = 90  # the first purchase falls uniformly into these days
    days: int = 273  # watched from `start`


def purchase_paths(
    random: np.random.Generator, habits: BuyingHabits, first_day: FloatArray, end_day: float
) -> tuple[FloatArray, FloatArray]:
    """Purchases of customers from the first one on.

    While alive a customer buys after exponential waits; after each repeat purchase the customer leaves with a
    probability of their own.

    Args:
        random: drawn from in a fixed order.
        habits: the population.
        first_day: shape (customers,), day of the first purchase.
        end_day: purchases on or after it are not seen.

    Returns:
        Days and amounts, both (customers, purchases of the busiest); a day is NaN where there was no further purchase.
    """
    customers = len(first_day)
    rate = random.gamma(habits.r, 1 / habits.alpha_days, customers)
    leaves = random.beta(habits.a, habits.b, customers)
    spend_rate = random.gamma(habits.q, 1 / habits.v, customers)
    day, alive = first_day, np.ones(customers, np.bool_)
    days: list[FloatArray] = []
    amounts: list[FloatArray] = []
    while alive.any():
        days.append(np.where(alive, day, np.nan))
        amounts.append(random.gamma(habits.p, 1 / spend_rate))
        stays = random.random(customers) >= leaves if len(days) > 1 else np.ones(customers, np.bool_)
        with np.errstate(divide="ignore", over="ignore"):  # a rate so small that it rounds to 0 never buys again
            day = day + random.exponential(size=customers) / rate
        alive = alive & stays & (day < end_day)
    return np.stack(days, 1), np.stack(amounts, 1)


def simulate_events(
    customers: int,
    seed: int,
    habits: BuyingHabits = BuyingHabits(),
    span: Span = Span(),
) -> Iterator[pa.RecordBatch]:
    """The transactions of `customers` customers, `schemas.EVENTS` by customer and time, `BLOCK` customers a batch."""
    for block, first in enumerate(range(0, customers, BLOCK)):
        random = generator(seed, "bg_nbd", str(block))
        arrival = random.random(BLOCK) * span.arriving_days
        days, amounts = purchase_paths(random, habits, arrival, span.days)
        wanted = min(BLOCK, customers - first)
        who, order = np.nonzero(~np.isnan(days[:wanted]))
        start_us = int(datetime.combine(span.start, time(), UTC).timestamp()) * 1_000_000
        when = start_us + (days[who, order] * DAY_US).astype(np.int64)
        yield pa.record_batch(
            [
                pa.array(np.char.add("C", np.char.zfill((first + who).astype("U10"), 10))),
                pa.array(when, pa.timestamp("us", tz="UTC")),
                pa.array(np.maximum(np.round(amounts[who, order], 2), 0.01)),
            ],
            schema=schemas.EVENTS,
        )
