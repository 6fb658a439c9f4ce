"""The journey Transformer without torch: one touch at a time over keys and values that are kept.

Every customer is computed alone and in the same order of operations, so no batch changes a result. Equal to the torch
network to 1e-5 (a test holds it). Shapes: C channels, D the width, F state features, P attributes, E the embedding.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core.vectors import VECTOR, add_into, add_product, copy_into, dot, normalise
from farview.features.steps import Steps
from journeys.inputs import FARTHEST, Histories, NextTouch, all_histories

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]

LAYERS, HEADS, WIDENING = 2, 2, 2
REACH = 64  # touches that a touch sees, itself included


class TransformerWeights(NamedTuple):
    """Everything the network knows, float32; its embeddings multiplied into the first layer. M = WIDENING x D."""

    channel: Float32Array  # (C + 1, D) last row: an unknown channel
    interaction: Float32Array  # (I + 1, D) last row: not known yet
    state: Float32Array  # (F, D)
    context: Float32Array  # (P, D)
    enter_bias: Float32Array  # (D,)
    norm_attention: Float32Array  # (LAYERS, 2, D) factor and shift
    look: Float32Array  # (LAYERS, D, 3D) queries (divided by the root of a head's width), keys, values
    look_bias: Float32Array  # (LAYERS, 3D)
    distance: Float32Array  # (LAYERS, HEADS, REACH) by touches back
    told: Float32Array  # (LAYERS, D, D)
    told_bias: Float32Array  # (LAYERS, D)
    norm_feed: Float32Array  # (LAYERS, 2, D)
    widen: Float32Array  # (LAYERS, D, M)
    widen_bias: Float32Array  # (LAYERS, M)
    narrow: Float32Array  # (LAYERS, M, D)
    narrow_bias: Float32Array  # (LAYERS, D)
    norm: Float32Array  # (2, D)
    state_mean: Float32Array  # (F,)
    state_scale: Float32Array  # (F,) one over the standard deviation, 0 where the feature is not used
    hazard: Float32Array  # (D,)
    hazard_bias: Float32Array  # (1,)
    next_touch: Float32Array  # (C + 1, D)
    next_touch_bias: Float32Array  # (C + 1,)
    pair_effect: Float32Array  # (C + 2, C + 1) channel's own effect included; row C + 1: no channel before
    context_effect: Float32Array  # (C + 1, P)
    interaction_effect: Float32Array  # (I + 1,)
    state_effect: Float32Array  # (F,)

    @property
    def channels(self) -> int:
        """C."""
        return len(self.next_touch_bias) - 1

    @property
    def width(self) -> int:
        """D."""
        return len(self.hazard)


class Memory(NamedTuple):
    """What the network keeps of n customers' journeys: one past each, and B ways on from it, all equally long."""

    past: Float32Array  # (n, LAYERS, REACH, 2D) keys and values of the last touches that happened
    past_touches: IntArray  # (n,) how many of them there are, at their beginning
    planned: Float32Array  # (n, B, LAYERS, L, 2D) of the touches planned so far
    planned_touches: int
    last: CodeArray  # (n, B) channel of the last touch, C + 1 for none
    outer: Float32Array  # (n, D) scratch: what `candidates` knew of the next touch but its channel


def read(
    weights: TransformerWeights, histories: Histories, planned: int = 0
) -> tuple[Memory, Float32Array, Float32Array]:
    """Memory after each history (B = 1), and for every touch read the logits of hazard and next touch.

    Args:
        weights: the network.
        histories: what to read.
        planned: touches that may be added to the memory, L.

    Returns:
        The memory, hazard logits (touches,) and next-touch logits (touches, C + 1); touches in no history are NaN.
    """
    n, touches, C, D = len(histories.starts), len(histories.channel), weights.channels, weights.width
    logits = np.full(touches, np.nan, np.float32)
    next_logits = np.full((touches, C + 1), np.nan, np.float32)
    memory = Memory(
        past=np.zeros((n, LAYERS, REACH if planned else 0, 2 * D), np.float32),
        past_touches=np.minimum(histories.ends - histories.starts, REACH) * bool(planned),
        planned=np.zeros((n, 1, LAYERS, planned, 2 * D), np.float32),
        planned_touches=0,
        last=np.full((n, 1), C + 1, np.int32),
        outer=np.zeros((n, D), np.float32),
    )
    _read(weights, histories, memory, logits, next_logits)
    return memory, logits, next_logits


def hazard_logits(weights: TransformerWeights, steps: Steps, context: Float32Array) -> Float32Array:
    """Logit of the hazard of every step, shape (steps,), before calibration."""
    return read(weights, all_histories(steps, context))[1]


def candidates(weights: TransformerWeights, memory: Memory, touch: NextTouch) -> Float32Array:
    """Hazard logits of every allowed channel as the next touch, its interaction not known yet.

    Returns:
        Shape (n, B, C); NaN where not allowed, which is not computed.
    """
    logits = np.full((*touch.allowed.shape, weights.channels), np.nan, np.float32)
    _candidates(weights, memory, touch, logits)
    return logits


def advance(weights: TransformerWeights, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
    """Memory after the chosen touches, which `candidates` has just looked at.

    Args:
        weights: the network.
        memory: as `candidates` left it.
        parent: journey that is continued, shape (n, B').
        channel: by which channel, -1 for none, shape (n, B').
    """
    n, journeys = parent.shape
    after = memory._replace(
        planned=np.zeros((n, journeys, *memory.planned.shape[2:]), np.float32),
        planned_touches=memory.planned_touches + 1,
        last=np.full((n, journeys), weights.channels + 1, np.int32),
    )
    _advance(weights, memory, parent, channel, after)
    return after


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _read(
    weights: TransformerWeights,
    histories: Histories,
    memory: Memory,
    logits: Float32Array,
    next_logits: Float32Array,
) -> None:
    D = len(weights.hazard)
    x, outer, scratch = np.empty(D, np.float32), np.empty(D, np.float32), _scratch(weights)
    nothing = np.zeros((weights.look.shape[0], 0, 2 * D), np.float32)
    for row in range(len(histories.starts)):
        start, end, context = histories.starts[row], histories.ends[row], histories.context[row]
        kept = np.empty((weights.look.shape[0], end - start, 2 * D), np.float32)
        before = len(weights.next_touch_bias)
        for k in range(start, end):
            channel, interaction = histories.channel[k], histories.interaction[k]
            effect = _outer(weights, histories.state[k], context, interaction, outer)
            effect += weights.pair_effect[before, channel] + dot(context, weights.context_effect[channel])
            copy_into(x, outer)
            add_into(x, weights.channel[channel])
            _forward(weights, x, (kept, k - start), (nothing, 0), (kept, k - start), scratch)
            logits[k] = dot(x, weights.hazard) + effect
            for following in range(len(weights.next_touch_bias)):
                next_logits[k, following] = dot(x, weights.next_touch[following]) + weights.next_touch_bias[following]
            before = channel
        memory.last[row, 0] = before
        for number in range(memory.past_touches[row]):
            source = end - start - memory.past_touches[row] + number
            for layer in range(len(kept)):
                copy_into(memory.past[row, layer, number], kept[layer, source])


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _candidates(weights: TransformerWeights, memory: Memory, touch: NextTouch, logits: Float32Array) -> None:
    state, context, allowed = touch
    x, scratch = np.empty(len(weights.hazard), np.float32), _scratch(weights)
    looked = np.empty((weights.look.shape[0], 1, 2 * len(x)), np.float32)
    unknown = len(weights.interaction_effect) - 1
    for row in range(len(state)):
        effect = _outer(weights, state[row], context[row], unknown, memory.outer[row])
        past = (memory.past[row], memory.past_touches[row])
        for journey in range(allowed.shape[1]):
            planned = (memory.planned[row, journey], memory.planned_touches)
            for channel in range(logits.shape[2]):
                if (allowed[row, journey] >> np.uint64(channel)) & np.uint64(1):
                    copy_into(x, memory.outer[row])
                    add_into(x, weights.channel[channel])
                    _forward(weights, x, past, planned, (looked, 0), scratch)
                    direct = weights.pair_effect[memory.last[row, journey], channel]
                    direct += dot(context[row], weights.context_effect[channel]) + effect
                    logits[row, journey, channel] = dot(x, weights.hazard) + direct


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _advance(weights: TransformerWeights, memory: Memory, parent: IntArray, channel: IntArray, after: Memory) -> None:
    x, scratch = np.empty(len(weights.hazard), np.float32), _scratch(weights)
    position = memory.planned_touches
    for row in range(parent.shape[0]):
        past = (memory.past[row], memory.past_touches[row])
        for journey in range(parent.shape[1]):
            code, source = channel[row, journey], parent[row, journey]
            if code < 0:
                continue
            planned = after.planned[row, journey]
            for layer in range(len(planned)):
                for number in range(position):
                    copy_into(planned[layer, number], memory.planned[row, source, layer, number])
            copy_into(x, memory.outer[row])
            add_into(x, weights.channel[code])
            _forward(weights, x, past, (planned, position), (planned, position), scratch)
            after.last[row, journey] = code


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _outer(
    weights: TransformerWeights, state: Float32Array, context: Float32Array, interaction: int, outer: Float32Array
) -> np.float32:
    """Sets `outer` (D,) to what all but the channel brings; returns its part of the logit."""
    copy_into(outer, weights.enter_bias)
    add_into(outer, weights.interaction[interaction])
    effect = weights.interaction_effect[interaction] + weights.hazard_bias[0]
    for feature in range(len(state)):
        figure = (state[feature] - weights.state_mean[feature]) * weights.state_scale[feature]
        figure = min(max(figure, -FARTHEST), FARTHEST)
        effect += figure * weights.state_effect[feature]
        for unit in range(len(outer)):
            outer[unit] += figure * weights.state[feature, unit]
    for feature in range(len(context)):
        for unit in range(len(outer)):
            outer[unit] += context[feature] * weights.context[feature, unit]
    return effect


class _Scratch(NamedTuple):
    """Vectors that the layers write over."""

    normed: Float32Array  # (D,)
    looked: Float32Array  # (3D,)
    told: Float32Array  # (D,)
    wide: Float32Array  # (M,)
    score: Float32Array  # (REACH,)


@njit(cache=True, nogil=True)
def _scratch(weights: TransformerWeights) -> _Scratch:
    D = len(weights.hazard)
    return _Scratch(
        np.empty(D, np.float32),
        np.empty(3 * D, np.float32),
        np.empty(D, np.float32),
        np.empty(weights.widen.shape[2], np.float32),
        np.empty(weights.distance.shape[2], np.float32),
    )


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _forward(
    weights: TransformerWeights,
    x: Float32Array,
    past: tuple[Float32Array, int],
    planned: tuple[Float32Array, int],
    own: tuple[Float32Array, int],
    scratch: _Scratch,
) -> None:
    """One touch through all layers, in place.

    Args:
        weights: the network.
        x: what enters, (D,); what the heads read, on return.
        past: keys and values (LAYERS, T, 2D) of earlier touches, and how many of them there are.
        planned: the same of touches after those.
        own: where this touch's are put: an array like those, and the place in it; may be the place behind them.
        scratch: written over.
    """
    D = len(x)
    for layer in range(len(weights.look)):
        mine = own[0][layer, own[1]]
        normalise(x, weights.norm_attention[layer], scratch.normed)
        copy_into(scratch.looked, weights.look_bias[layer])
        add_product(scratch.normed, weights.look[layer], scratch.looked)
        copy_into(mine, scratch.looked[D:])
        _attend(weights.distance[layer], (past[0][layer], past[1]), (planned[0][layer], planned[1]), mine, scratch)
        add_into(x, weights.told_bias[layer])
        add_product(scratch.told, weights.told[layer], x)
        normalise(x, weights.norm_feed[layer], scratch.normed)
        copy_into(scratch.wide, weights.widen_bias[layer])
        add_product(scratch.normed, weights.widen[layer], scratch.wide)
        for unit in range(len(scratch.wide)):
            scratch.wide[unit] = max(scratch.wide[unit], np.float32(0.0))
        add_into(x, weights.narrow_bias[layer])
        add_product(scratch.wide, weights.narrow[layer], x)
    normalise(x, weights.norm, scratch.normed)
    copy_into(x, scratch.normed)


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _attend(
    distance: Float32Array,
    past: tuple[Float32Array, int],
    planned: tuple[Float32Array, int],
    own: Float32Array,
    scratch: _Scratch,
) -> None:
    """Fills scratch.told (D,) with the values that the query in scratch.looked finds among the last touches."""
    heads, reach = distance.shape
    D = len(scratch.told)
    width = D // heads
    earlier = past[1] + planned[1]
    seen = min(earlier + 1, reach)
    score = scratch.score
    for head in range(heads):
        key, value = slice(head * width, (head + 1) * width), slice(D + head * width, D + (head + 1) * width)
        query = scratch.looked[key]
        highest = np.float32(-np.inf)
        for back in range(seen):
            kept = _of(earlier - back, past, planned, own)
            score[back] = dot(query, kept[key]) + distance[head, back]
            highest = max(highest, score[back])
        total = np.float32(0.0)
        for back in range(seen):
            score[back] = np.exp(score[back] - highest)
            total += score[back]
        told = scratch.told[key]
        told[:] = np.float32(0.0)
        for back in range(seen):
            share, kept = score[back] / total, _of(earlier - back, past, planned, own)[value]
            for unit in range(width):
                told[unit] += share * kept[unit]


@njit(cache=True, nogil=True)
def _of(
    number: int, past: tuple[Float32Array, int], planned: tuple[Float32Array, int], own: Float32Array
) -> Float32Array:
    """Key and value (2D,) of a touch, counted from the first that is kept."""
    if number < past[1]:
        return past[0][number]
    if number < past[1] + planned[1]:
        return planned[0][number - past[1]]
    return own
