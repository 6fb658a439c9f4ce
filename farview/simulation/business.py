"""A synthetic business: every number that decides what its customers do.

The formulas that use these numbers are in `truth` (journeys), `policy` (who was touched how) and `items`; the model as
a whole is described in docs/synthetic-business.md.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

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
    """A business with known truth. Equal arguments of `world.make_world` give equal ones."""

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
