"""One synthetic business out of a seeded family: every number that decides what its customers do.

The formulas that use these numbers are in `truth` (journeys), `policy` (who was touched how) and `items`; the model as
a whole is described in docs/synthetic-business.md.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.core.randomness import generator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CHANNELS = (
    "email",
    "search",
    "display",
    "social",
    "video",
    "push",
    "sms",
    "mail",
    "affiliate",
    "call",
    "podcast",
    "influencer",
)
SEGMENTS = ("new", "casual", "regular", "loyal")
INTERACTIONS = ("impression", "click")
IMPRESSION, CLICK = 0, 1
NO_CHANNEL = -1
"""The previous channel of a first touch: as an index it picks the last row of `JourneyEffects.previous`."""

WINDOW_DAYS = 7
HAZARD_CEILING = 0.5
BASE_SPREAD = 0.5  # of the log of channels' base hazards
EXPLORATION = 0.1  # part of the logging policy that is uniform, so every permitted channel has support


@dataclass(frozen=True, slots=True, eq=False)
class JourneyEffects:
    """Multipliers whose product is the hazard of a touch; K channels, L positions, G segments, U levels of intent."""

    base: FloatArray  # (K,) hazard of an impression at an average position, no previous touch
    position: FloatArray  # (L,) of the 1st, 2nd, ... touch; the last value serves all later ones
    segment: FloatArray  # (G, K)
    interaction: FloatArray  # (2,) impression, click
    previous: FloatArray  # (K + 1, K) row: channel of the touch before; last row: there was none
    intent: FloatArray  # (U,) latent; a single 1 unless the world is confounded
    click_probability: FloatArray  # (K,) of a touch being a click rather than an impression


@dataclass(frozen=True, slots=True, eq=False)
class LoggingPolicy:
    """Log-odds by which the historical policy chose channels; see `policy.propensities`."""

    preference: FloatArray  # (G, K)
    sticky: float  # added to the channel of the touch before
    targeting: FloatArray  # (U, K) what the policy knew of intent and the log does not


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A business with known truth. Equal arguments of `make_world` give equal worlds."""

    seed: int
    confounded: bool
    channels: tuple[str, ...]
    journey: JourneyEffects
    policy: LoggingPolicy
    segment_share: FloatArray  # (G,)
    intent_share: FloatArray  # (U,)
    consent_share: FloatArray  # (K,) of customers who may be reached by the channel
    never_touched_share: float
    continuation: float  # probability that a touch without conversion is followed by another
    gap_mean_days: float
    touch_cost: FloatArray  # (K,) business currency, paid for a touch that is sent
    conversion_value_mean: FloatArray  # (G,) business currency
    item_count: int
    time_zone: str = "Europe/Berlin"
    currency: str = "EUR"
    segments: tuple[str, ...] = SEGMENTS
    history_days: int = 365  # of transactions before the touch log
    log_start: date = date(2025, 1, 1)
    log_days: int = 90

    @property
    def max_touches(self) -> int:
        """Most touches in a journey."""
        return len(self.journey.position)

    @property
    def log_end(self) -> datetime:
        """First instant (UTC) after the log: nothing at or after it is written."""
        return datetime.combine(self.log_start + timedelta(days=self.log_days), time(), UTC)


def make_world(
    seed: int, *, channels: int = 6, confounded: bool = False, max_touches: int = 12, item_count: int = 300
) -> World:
    """The world of that seed.

    Args:
        seed: which world of the family.
        channels: 2 to 12.
        confounded: a latent intent drives both which channel a customer gets and whether the customer converts.
        max_touches: most touches in a journey, 1 to 50.
        item_count: size of the catalogue, 10 to 1,000,000.

    Raises:
        InvalidInput: an argument is outside its range.
    """
    _require("channels", channels, 2, len(CHANNELS))
    _require("max_touches", max_touches, 1, 50)
    _require("item_count", item_count, 10, 1_000_000)
    random = generator(seed, "world")
    K, G = channels, len(SEGMENTS)
    raw = _journey_effects(random, K, max_touches, confounded)
    segment_share = random.dirichlet(np.full(G, 8.0))
    intent_share = np.array([0.75, 0.25]) if confounded else np.ones(1)
    policy = _logging_policy(random, raw, confounded)
    continuation = float(random.uniform(0.76, 0.84))
    wanted = random.uniform(0.032, 0.052)
    scale = wanted / _mean_hazard(raw, policy, segment_share, intent_share, continuation)
    return World(
        seed=seed,
        confounded=confounded,
        channels=CHANNELS[:K],
        journey=_rescaled(raw, scale),
        policy=policy,
        segment_share=segment_share,
        intent_share=intent_share,
        consent_share=random.uniform(0.8, 0.97, K),
        never_touched_share=0.1,
        continuation=continuation,
        gap_mean_days=float(random.uniform(2.0, 3.0)),
        touch_cost=np.round(random.lognormal(np.log(0.05), 0.7, K), 3),
        conversion_value_mean=np.round(random.lognormal(np.log(45.0), 0.3, G), 2),
        item_count=item_count,
    )


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInput.of(name, f"{value} is outside {low} to {high}")


def _journey_effects(random: np.random.Generator, K: int, L: int, confounded: bool) -> JourneyEffects:
    """Unscaled multipliers: `base` is relative, the others are near 1."""
    previous = np.vstack([_multipliers(random, 0.25, (K, K)), np.ones(K)])
    np.fill_diagonal(previous, random.uniform(0.55, 0.85, K))  # the same channel twice in a row tires
    steps = np.arange(1, L + 1)
    peak = random.uniform(2.0, 5.0)
    return JourneyEffects(
        base=_multipliers(random, BASE_SPREAD, (K,)),
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
        targeting[1] = -2.0 * np.log(effects.base) / BASE_SPREAD
    return LoggingPolicy(
        preference=random.normal(0.0, 0.5, (len(SEGMENTS), K)),
        sticky=float(random.uniform(0.0, 0.6)),
        targeting=targeting,
    )


def _mean_hazard(
    effects: JourneyEffects,
    policy: LoggingPolicy,
    segment_share: FloatArray,
    intent_share: FloatArray,
    continuation: float,
) -> float:
    """Mean hazard of the steps that the logging policy makes, with consent to all and conversions not yet removed."""
    K, L = len(effects.base), len(effects.position)
    sticky = np.vstack([policy.sticky * np.eye(K), np.zeros(K)])
    total = weight = 0.0
    for g, share in enumerate(segment_share):
        for u, intent in enumerate(effects.intent):
            odds = np.exp(policy.preference[g] + policy.targeting[u] + sticky)  # (K + 1, K)
            chosen = (1 - EXPLORATION) * odds / odds.sum(1, keepdims=True) + EXPLORATION / K
            clicks = 1 + effects.click_probability * (effects.interaction[CLICK] - 1)
            step = effects.base * effects.segment[g] * intent * clicks * effects.previous  # (K + 1, K)
            before = np.zeros(K + 1)
            before[NO_CHANNEL] = 1.0
            for k in range(L):
                reached = share * intent_share[u] * continuation**k
                total += reached * effects.position[k] * float(before @ (chosen * step).sum(1))
                weight += reached
                before = np.append(before @ chosen, 0.0)
    return float(total / weight)


def _rescaled(effects: JourneyEffects, scale: float) -> JourneyEffects:
    return JourneyEffects(
        base=effects.base * scale,
        position=effects.position,
        segment=effects.segment,
        interaction=effects.interaction,
        previous=effects.previous,
        intent=effects.intent,
        click_probability=effects.click_probability,
    )
