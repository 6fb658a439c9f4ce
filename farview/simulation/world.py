"""The seeded family of worlds: how the numbers of a business are drawn."""

import itertools
from dataclasses import replace

import numpy as np

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.simulation.business import (
    CHANNELS,
    NO_CHANNEL,
    SEGMENTS,
    FloatArray,
    JourneyEffects,
    LoggingPolicy,
    World,
)
from farview.simulation.policy import propensities
from farview.simulation.truth import planned_hazard

BASE_MEDIAN, BASE_SPREAD = 0.03, 0.5


def make_world(
    seed: int, *, channels: int = 6, confounded: bool = False, max_touches: int = 12, item_count: int = 300
) -> World:
    """The world of that seed.

    Args:
        seed: which world of the family.
        channels: 2 to 12.
        confounded: a latent intent drives both which channel a customer gets and whether the customer converts.
        max_touches: most touches in a journey, 1 to 50.
        item_count: size of the catalogue, 10 to 5,000.

    Raises:
        InvalidInput: an argument is outside its range.
    """
    _require("channels", channels, 2, len(CHANNELS))
    _require("max_touches", max_touches, 1, 50)
    _require("item_count", item_count, 10, 5000)
    random = generator(seed, "world")
    K, G = channels, len(SEGMENTS)
    effects = _journey_effects(random, K, max_touches, confounded)
    world = World(
        seed=seed,
        confounded=confounded,
        channels=CHANNELS[:K],
        journey=effects,
        policy=_logging_policy(random, effects, confounded),
        segment_share=random.dirichlet(np.full(G, 8.0)),
        intent_share=np.array([0.75, 0.25]) if confounded else np.ones(1),
        consent_share=random.uniform(0.8, 0.97, K),
        never_touched_share=0.1,
        continuation=float(random.uniform(0.76, 0.84)),
        gap_mean_days=float(random.uniform(2.0, 3.0)),
        touch_cost=np.round(random.lognormal(np.log(0.05), 0.7, K), 3),
        conversion_value_mean=np.round(random.lognormal(np.log(45.0), 0.3, G), 2),
        item_count=item_count,
    )
    scale = random.uniform(0.032, 0.052) / _mean_hazard(world)
    return replace(world, journey=replace(effects, base=effects.base * scale))


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInput.of(name, f"{value} is outside {low} to {high}")


def _journey_effects(random: np.random.Generator, K: int, L: int, confounded: bool) -> JourneyEffects:
    """Multipliers near 1, and `base` near its final scale, so that the ceiling hardly matters to that scale."""
    previous = np.vstack([_multipliers(random, 0.25, (K, K)), np.ones(K)])
    np.fill_diagonal(previous, random.uniform(0.55, 0.85, K))  # the same channel twice in a row tires
    steps = np.arange(1, L + 1)
    peak = random.uniform(2.0, 5.0)
    return JourneyEffects(
        base=BASE_MEDIAN * _multipliers(random, BASE_SPREAD, (K,)),
        position=0.6 + 0.8 * np.exp(-0.5 * (np.log(steps / peak) / 0.7) ** 2),  # interest grows, then tires
        segment=_multipliers(random, 0.3, (len(SEGMENTS), K)),
        interaction=np.array([1.0, random.uniform(1.7, 2.3)]),
        previous=previous,
        intent=np.array([0.5, 2.5]) if confounded else np.ones(1),  # mean 1 at shares 3/4 and 1/4
        click_probability=random.uniform(0.05, 0.3, K),
    )


def _multipliers(random: np.random.Generator, spread: float, shape: tuple[int, ...]) -> FloatArray:
    """Near lognormal with median 1, held between exp(-2 spread) and exp(2 spread) so that no product runs away."""
    return np.exp(2 * spread * np.tanh(random.normal(size=shape) / 2))


def _logging_policy(random: np.random.Generator, effects: JourneyEffects, confounded: bool) -> LoggingPolicy:
    K, U = len(effects.base), len(effects.intent)
    targeting = np.zeros((U, K))
    if confounded:
        # Eager customers are sent the channels that do least, so these look best to a naive reader of the log.
        targeting[1] = -2.0 * np.log(effects.base / BASE_MEDIAN) / BASE_SPREAD
    return LoggingPolicy(
        preference=random.normal(0.0, 0.5, (len(SEGMENTS), K)),
        sticky=float(random.uniform(0.0, 0.6)),
        targeting=targeting,
    )


def _mean_hazard(world: World) -> float:
    """Mean hazard of the steps that the historical policy makes, given consent to all, conversions not yet removed."""
    K = len(world.channels)
    previous = np.append(np.arange(K), NO_CHANNEL)
    permitted = np.ones((K + 1, K), np.bool_)
    total = weight = 0.0
    for (g, share), (u, eager) in itertools.product(enumerate(world.segment_share), enumerate(world.intent_share)):
        chosen = propensities(world, np.full(K + 1, g), previous, permitted, u)  # (K + 1, K)
        before = np.eye(K + 1)[NO_CHANNEL]
        for k in range(world.max_touches):
            step = planned_hazard(
                world, segment=g, position=k + 1, channel=np.arange(K), previous=previous[:, None], intent=u
            )
            reached = share * eager * world.continuation**k
            total += reached * float((before @ (chosen * step)).sum())
            weight += reached
            before = np.append(before @ chosen, 0.0)
    return float(total / weight)
