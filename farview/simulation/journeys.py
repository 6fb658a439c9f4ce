"""Simulated journeys: touches by the historical policy until the customer converts or the journey ends."""

from dataclasses import dataclass

import numpy as np

from farview.core.randomness import generator
from farview.simulation.business import NO_CHANNEL, WINDOW_DAYS, BoolArray, FloatArray, IntArray, World
from farview.simulation.calendar import DAY_US, SECOND_US, local_to_utc, waking
from farview.simulation.customers import BLOCK, Customers, customer_blocks
from farview.simulation.policy import propensities
from farview.simulation.rows import Rows
from farview.simulation.truth import hazard, observed_hazards

WINDOW_US = WINDOW_DAYS * DAY_US


@dataclass(frozen=True, slots=True, eq=False)
class Touches(Rows):
    """At-risk steps, one row each, by customer and time, as the log shows them; with the truth beside them."""

    customer: IntArray  # number of the customer
    position: IntArray  # k, from 1
    channel: IntArray
    interaction: IntArray
    time_us: IntArray  # microseconds since 1970, UTC, whole seconds
    propensity: FloatArray  # of the channel, under the historical policy
    hazard: FloatArray  # truth: given all that the log shows up to this touch
    converted: BoolArray  # before the next touch, within the window and before the log's end
    conversion_us: IntArray  # when; 0 if not
    conversion_value: FloatArray  # business currency; 0 if not
    fully_observed: BoolArray  # the window ends before the log does


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """Journeys of n customers as (n, L) arrays, before anything is cut."""

    made: BoolArray  # the touch happened
    channel: IntArray
    interaction: IntArray
    propensity: FloatArray
    converts: BoolArray


def simulate_touches(world: World, customers: Customers) -> Touches:
    """The at-risk steps of customers who all belong to one block.

    A journey starts at a uniform time of the log. Each touch converts with its hazard; otherwise another follows with
    the continuation probability, after an exponential gap. A conversion ends the journey and falls uniformly between
    its touch and the next touch or the window's end, whichever is earlier. What would lie after the log's end is cut.
    """
    if not len(customers):
        return simulate_touches(world, next(customer_blocks(world, 1))).take(np.empty(0, np.int64))
    random = generator(world.seed, "journeys", str(customers.number[0] // BLOCK))
    rows = customers.number % BLOCK
    # Drawn for the whole block at once, so that nothing depends on who is kept of it.
    shape = (BLOCK, world.max_touches)
    uniform = random.random((3, *shape))[:, rows]
    length = np.where(
        random.random(BLOCK) < world.never_touched_share, 0, random.geometric(1 - world.continuation, BLOCK)
    )
    begin = random.random(BLOCK)[rows] * world.log_days
    gap = np.maximum(random.exponential(world.gap_mean_days, shape)[rows], 1 / 24)
    delay = random.random(shape)[rows]
    worth = random.lognormal(-0.125, 0.5, BLOCK)[rows] * world.conversion_value_mean[customers.segment]

    paths = _walk(world, customers, length[rows], uniform)
    days = begin[:, None] + np.concatenate([np.zeros((len(rows), 1)), np.cumsum(gap, 1)], 1)  # (n, L + 1)
    time_us = local_to_utc(waking(days), customers.region[:, None], world)
    limit_us = np.minimum(time_us[:, 1:], time_us[:, :-1] + WINDOW_US)
    time_us = time_us[:, :-1]
    converted_us = time_us + SECOND_US * (1 + (delay * ((limit_us - time_us) // SECOND_US - 1)).astype(np.int64))
    end_us = int(world.log_end.timestamp()) * SECOND_US
    converted = paths.converts & (converted_us < end_us)
    true = observed_hazards(world, customers.segment, customers.consent, paths.channel, paths.interaction)
    who = np.broadcast_to(customers.number[:, None], time_us.shape)
    position = np.broadcast_to(np.arange(1, world.max_touches + 1), time_us.shape)
    kept = paths.made & (time_us < end_us)
    return Touches(
        customer=who[kept],
        position=position[kept],
        channel=paths.channel[kept],
        interaction=paths.interaction[kept],
        time_us=time_us[kept],
        propensity=paths.propensity[kept],
        hazard=true[kept],
        converted=converted[kept],
        conversion_us=np.where(converted, converted_us, 0)[kept],
        conversion_value=np.where(converted, np.round(worth, 2)[:, None], 0.0)[kept],
        fully_observed=(time_us + WINDOW_US <= end_us)[kept],
    )


def simulate_journeys(world: World, count: int) -> tuple[Customers, Touches]:
    """Customers 0 to count - 1 and their at-risk steps, all in memory."""
    blocks = list(customer_blocks(world, count))
    return Customers.concatenate(blocks), Touches.concatenate(simulate_touches(world, block) for block in blocks)


def _walk(world: World, customers: Customers, length: IntArray, uniform: FloatArray) -> _Paths:
    """Lets the policy act and the customers answer.

    Args:
        world: the business.
        customers: n of them.
        length: touches of each journey if no conversion intervenes, shape (n,).
        uniform: for channel, click and conversion, shape (3, n, L).
    """
    n, L = uniform.shape[1:]
    everyone = np.arange(n)
    channel, interaction = np.zeros((n, L), np.int64), np.zeros((n, L), np.int64)
    propensity, made, converts = np.zeros((n, L)), np.zeros((n, L), np.bool_), np.zeros((n, L), np.bool_)
    at_risk = customers.consent.any(1)
    previous = np.full(n, NO_CHANNEL)
    for k in range(L):
        made[:, k] = at_risk = at_risk & (length > k)
        chances = propensities(world, customers.segment, previous, customers.consent, customers.intent)
        summed = np.cumsum(chances, 1)
        channel[:, k] = (summed <= uniform[0, :, k, None] * summed[:, -1:]).sum(1) * at_risk
        propensity[:, k] = chances[everyone, channel[:, k]]
        interaction[:, k] = uniform[1, :, k] < world.journey.click_probability[channel[:, k]]
        true = hazard(
            world,
            segment=customers.segment,
            position=k + 1,
            channel=channel[:, k],
            interaction=interaction[:, k],
            previous=previous,
            intent=customers.intent,
        )
        converts[:, k] = at_risk & (uniform[2, :, k] < true)
        at_risk = at_risk & ~converts[:, k]
        previous = channel[:, k]
    return _Paths(made, channel, interaction, propensity, converts)
