"""A world as an environment of decisions: a policy sends touches to a customer until a conversion or the last one."""

from typing import NamedTuple

import numpy as np

from farview.simulation.business import NO_CHANNEL, BoolArray, FloatArray, IntArray, World
from farview.simulation.truth import Standing, hazards_ahead


class Came(NamedTuple):
    """What came of n actions."""

    state: IntArray  # (n,)
    reward: FloatArray  # (n,)
    done: BoolArray  # (n,)


class JourneyEnvironment:
    """Up to L touches of one customer of a world without confounding.

    State k (K + 1) + p: k touches sent, p the last channel, K for none; then the end. Action c sends channel c, action
    K stops. A conversion brings the margin, a touch costs what it costs.
    """

    def __init__(self, world: World, standing: Standing, touches: int, margin: float, cost: FloatArray) -> None:
        self._touches, self._margin, self._cost = touches, margin, np.append(cost, 0.0)
        K = len(world.channels)
        self._channels = K
        self.hazards: FloatArray = hazards_ahead(world, standing, touches)  # (L, K + 1, K)
        self._first = K if standing.previous == NO_CHANNEL else standing.previous
        self._consent = np.append(standing.consent, True)
        self._state = np.empty(0, np.int64)

    @property
    def states(self) -> int:
        """The end among them."""
        return self._touches * (self._channels + 1) + 1

    @property
    def permitted(self) -> BoolArray:
        """Shape (states, K + 1)."""
        return np.tile(self._consent, (self.states, 1))

    def reset(self, episodes: int, _random: np.random.Generator, /) -> IntArray:
        """All begin where the customer stands."""
        self._state = np.full(episodes, self._first)
        return self._state

    def step(self, action: IntArray, random: np.random.Generator, /) -> Came:
        """Sends, or stops."""
        K, end = self._channels, self.states - 1
        position, last = self._state // (K + 1), self._state % (K + 1)
        sends = (action < K) & (self._state < end)
        place = np.minimum(position, self._touches - 1)
        hazard = np.where(sends, self.hazards[place, last, np.minimum(action, K - 1)], 0.0)
        converted = random.random(len(action)) < hazard
        goes_on = sends & ~converted & (position + 1 < self._touches)
        self._state = np.where(goes_on, (position + 1) * (K + 1) + action, end)
        return Came(self._state, converted * self._margin - sends * self._cost[action], ~goes_on)
