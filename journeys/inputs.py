"""What served networks read: touches with their state, and who the customers are."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from farview.features.steps import Steps

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]

FloatArray = NDArray[np.float64]

FARTHEST = np.float32(4.0)  # standard deviations
ROUNDING = 1e-3  # of a logit in single precision, by far


class Histories(NamedTuple):
    """Touches to read, flat, and whose they are: reading i follows touches starts[i] to ends[i]."""

    starts: IntArray  # (n,)
    ends: IntArray  # (n,)
    channel: CodeArray  # (touches,)
    interaction: CodeArray  # (touches,)
    state: Float32Array  # (touches, F)
    context: Float32Array  # (n, P)


class NextTouch(NamedTuple):
    """What is known of the next touch of n customers before its channel is chosen."""

    state: Float32Array  # (n, F)
    context: Float32Array  # (n, P)
    allowed: NDArray[np.uint64]  # (n, B) bit c permits channel c in that journey


def all_histories(steps: Steps, context: Float32Array) -> Histories:
    """Every customer's touches, to be read to their end; context has shape (customers, P)."""
    return Histories(steps.offsets[:-1], steps.offsets[1:], steps.channel, steps.interaction, steps.state, context)


class DirectPart(Protocol):
    """The first-order part of a network's weights; see the networks' own for their shapes."""

    @property
    def state_mean(self) -> Float32Array: ...
    @property
    def state_scale(self) -> Float32Array: ...
    @property
    def hazard_bias(self) -> Float32Array: ...
    @property
    def pair_effect(self) -> Float32Array: ...
    @property
    def context_effect(self) -> Float32Array: ...
    @property
    def interaction_effect(self) -> Float32Array: ...
    @property
    def state_effect(self) -> Float32Array: ...


def direct_ceiling(weights: DirectPart, state: Float32Array, context: Float32Array) -> FloatArray:
    """What the first-order part adds to the logit of planned touches at most, whatever channel came before, (n, L, C).

    Args:
        weights: of a network.
        state: at the planned touches, (n, L, F).
        context: encoded attributes, (n, P).
    """
    by_state = scaled(state, weights.state_mean, weights.state_scale).astype(np.float64) @ weights.state_effect
    by_context = context.astype(np.float64) @ weights.context_effect[:-1].T  # (n, C)
    by_channel = weights.pair_effect[:, :-1].max(axis=0) + weights.interaction_effect[-1] + weights.hazard_bias[0]
    return by_state[:, :, None] + (by_context + by_channel)[:, None, :] + ROUNDING


def scaled(state: Float32Array, mean: Float32Array, scale: Float32Array) -> Float32Array:
    """State features as a network reads them, cut at FARTHEST: far outside what it learnt from, it knows nothing."""
    return np.clip((state - mean) * scale, -FARTHEST, FARTHEST)
