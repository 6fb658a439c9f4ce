"""What served networks read: touches with their state, and who the customers are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from farview.features.steps import Steps

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]

FARTHEST = np.float32(4.0)  # standard deviations


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


def scaled(state: Float32Array, mean: Float32Array, scale: Float32Array) -> Float32Array:
    """State features as a network reads them, cut at FARTHEST: far outside what it learnt from, it knows nothing."""
    return np.clip((state - mean) * scale, -FARTHEST, FARTHEST)
