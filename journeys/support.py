"""How far a log can speak for a touch: how often its channel followed the one before, and at which times.

A planner looks for the highest hazards, and finds among them those that are high by luck: of what it chooses, more is
foreseen than comes. The fewer touches of a kind the log holds, the more. So a planned touch's logit is lowered by

    caution / sqrt(1 + n p),   n touches of the channel after the one before, p conversions a touch,

about so many standard errors of the logarithm of its rate, and states outside the range that the log shows are read as
its edge. How many standard errors is chosen on later steps than those the model learnt from.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from farview.evaluation.journey_splits import Observed
from farview.features.steps import Steps
from journeys.inputs import Float32Array, FloatArray, IntArray

_FAR = float(np.finfo(np.float32).max)
_EDGES = (0.005, 0.995)  # quantiles of the state features between which they are read as they are


@dataclass(frozen=True, slots=True)
class Support:
    """Of C channels in the steps that a model learnt from."""

    counts: tuple[tuple[float, ...], ...]  # (C + 2, C) row: channel before, C unknown, C + 1 none; column: channel
    rate: float  # conversions a touch
    low: tuple[float, ...]  # (F,) of the state features
    high: tuple[float, ...]  # (F,)
    caution: float = 0.0  # standard errors

    @classmethod
    def learn(cls, steps: Steps, seen: Observed) -> Self:
        """Of the steps seen, censoring weighed in."""
        C = len(steps.vocabulary.channels)
        counts = np.zeros((C + 2, C + 1))
        np.add.at(counts, (channels_before(steps)[seen.rows], steps.channel[seen.rows]), seen.weight)
        total = counts.sum()
        converted = float(seen.weight @ steps.converted[seen.rows])
        state = steps.state[seen.rows]
        edges = np.quantile(state, _EDGES, axis=0) if len(state) else np.outer((-_FAR, _FAR), np.ones(state.shape[1]))
        return cls(
            counts=tuple(map(tuple, counts[:, :C].tolist())),
            rate=converted / total if total else 0.0,
            low=tuple(edges[0].tolist()),
            high=tuple(edges[1].tolist()),
        )

    @classmethod
    def unknown(cls, channels: int, features: int) -> Self:
        """Of a model that was stored before there were any: nothing is held against it."""
        nothing = ((0.0,) * channels,) * (channels + 2)
        return cls(nothing, 0.0, (-_FAR,) * features, (_FAR,) * features)

    def table(self) -> FloatArray:
        """Touches of each channel after each other, (C + 2, C)."""
        return np.array(self.counts, np.float64)

    def penalty(self) -> FloatArray:
        """By how much the calibrated logit of a planned touch is lowered, (C + 2, C)."""
        return self.caution / np.sqrt(1 + self.table() * self.rate)

    def inside(self, state: Float32Array) -> Float32Array:
        """State features cut at the range that the log shows, any shape (..., F)."""
        return np.clip(state, np.array(self.low, np.float32), np.array(self.high, np.float32))

    def as_data(self) -> dict[str, Any]:
        """JSON data that `from_data` turns back."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_data`."""
        rows = tuple(tuple(row) for row in data["counts"])
        return cls(rows, data["rate"], tuple(data["low"]), tuple(data["high"]), data["caution"])


def channels_before(steps: Steps) -> IntArray:
    """Channel of the customer's touch before each step, C + 1 for none, shape (steps,)."""
    before = np.empty(len(steps), np.int64)
    before[1:] = steps.channel[:-1]
    begins = steps.offsets[:-1]
    before[begins[begins < len(steps)]] = len(steps.vocabulary.channels) + 1  # customers may have no step
    return before
