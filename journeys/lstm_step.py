"""The journey network without torch: one touch at a time, in loops that the compiler turns into vector code.

Every customer is computed alone and in the same order of operations, so no batch changes a result. Equal to the torch
network to 1e-5 (a test holds it). Shapes: C channels, H hidden units, F state features, P attributes.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.features.steps import Steps
from journeys.arrays import VECTOR, add_into, add_product, copy_into, dot, sigmoid, tanh

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]

FARTHEST = np.float32(4.0)  # standard deviations


class LstmWeights(NamedTuple):
    """Everything the network knows, float32. Gates stand in the order input, forget, cell, output."""

    channel_gates: Float32Array  # (C + 1, 4H) embedding through the input weights; last row: an unknown channel
    interaction_gates: Float32Array  # (I + 1, 4H) last row: not known yet
    state_gates: Float32Array  # (F, 4H)
    context_gates: Float32Array  # (P, 4H)
    hidden_gates: Float32Array  # (H, 4H)
    gate_bias: Float32Array  # (4H,)
    state_mean: Float32Array  # (F,)
    state_scale: Float32Array  # (F,) one over the standard deviation, 0 where the feature is not used
    hazard: Float32Array  # (H,)
    hazard_bias: Float32Array  # (1,)
    next_touch: Float32Array  # (C + 1, H)
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
    def hidden(self) -> int:
        """H."""
        return len(self.hazard)


def scaled(state: Float32Array, mean: Float32Array, scale: Float32Array) -> Float32Array:
    """State features as the network reads them, cut at FARTHEST: far outside what it learnt from, it knows nothing."""
    return np.clip((state - mean) * scale, -FARTHEST, FARTHEST)


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _outer_gates(weights: LstmWeights, state: Float32Array, context: Float32Array, gates: Float32Array) -> np.float32:
    """Sets `gates` (4H,) to what bias, state and attributes add; returns what the state adds to the logit."""
    copy_into(gates, weights.gate_bias)
    effect = np.float32(0.0)
    for feature in range(len(state)):
        figure = (state[feature] - weights.state_mean[feature]) * weights.state_scale[feature]
        figure = min(max(figure, -FARTHEST), FARTHEST)
        effect += figure * weights.state_effect[feature]
        for gate in range(len(gates)):
            gates[gate] += figure * weights.state_gates[feature, gate]
    for feature in range(len(context)):
        for gate in range(len(gates)):
            gates[gate] += context[feature] * weights.context_gates[feature, gate]
    return effect


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _update(gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array) -> None:
    """The cell's update by gates + add (4H,), in place: Hochreiter & Schmidhuber (1997) with forget gates."""
    H = len(hidden)
    for unit in range(H):
        enter = sigmoid(gates[unit] + add[unit])
        keep = sigmoid(gates[H + unit] + add[H + unit])
        new = tanh(gates[2 * H + unit] + add[2 * H + unit])
        show = sigmoid(gates[3 * H + unit] + add[3 * H + unit])
        cell[unit] = keep * cell[unit] + enter * new
        hidden[unit] = show * tanh(cell[unit])


class Histories(NamedTuple):
    """Touches to read, flat, and whose they are: reading i follows touches starts[i] to ends[i]."""

    starts: IntArray  # (n,)
    ends: IntArray  # (n,)
    channel: CodeArray  # (touches,)
    interaction: CodeArray  # (touches,)
    state: Float32Array  # (touches, F)
    context: Float32Array  # (n, P)


class Memory(NamedTuple):
    """What the network remembers of n customers' journeys, B of each."""

    hidden: Float32Array  # (n, B, H)
    cell: Float32Array  # (n, B, H)
    last: CodeArray  # (n, B) channel of the last touch, C + 1 for none
    gates: Float32Array  # (n, B, 4H) scratch: `candidates` leaves in it what `advance` needs

    @classmethod
    def empty(cls, n: int, journeys: int, weights: LstmWeights) -> "Memory":
        """Of journeys without a touch."""
        H = weights.hidden
        return cls(
            np.zeros((n, journeys, H), np.float32),
            np.zeros((n, journeys, H), np.float32),
            np.full((n, journeys), weights.channels + 1, np.int32),
            np.empty((n, journeys, 4 * H), np.float32),
        )


def read(weights: LstmWeights, histories: Histories) -> tuple[Memory, Float32Array, Float32Array]:
    """Memory after each history (B = 1), and for every touch read the logits of hazard and next touch.

    Returns:
        The memory, hazard logits (touches,) and next-touch logits (touches, C + 1); touches in no history are NaN.
    """
    touches, C = len(histories.channel), weights.channels
    memory = Memory.empty(len(histories.starts), 1, weights)
    logits = np.full(touches, np.nan, np.float32)
    next_logits = np.full((touches, C + 1), np.nan, np.float32)
    _read(weights, histories, memory, logits, next_logits)
    return memory, logits, next_logits


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _read(
    weights: LstmWeights, histories: Histories, memory: Memory, logits: Float32Array, next_logits: Float32Array
) -> None:
    for row in range(len(histories.starts)):
        hidden, cell, gates = memory.hidden[row, 0], memory.cell[row, 0], memory.gates[row, 0]
        context = histories.context[row]
        for k in range(histories.starts[row], histories.ends[row]):
            channel, interaction = histories.channel[k], histories.interaction[k]
            effect = _outer_gates(weights, histories.state[k], context, gates)
            effect += weights.pair_effect[memory.last[row, 0], channel] + weights.interaction_effect[interaction]
            effect += dot(context, weights.context_effect[channel]) + weights.hazard_bias[0]
            add_product(hidden, weights.hidden_gates, gates)
            add_into(gates, weights.interaction_gates[interaction])
            _update(gates, weights.channel_gates[channel], hidden, cell)
            logits[k] = dot(hidden, weights.hazard) + effect
            for following in range(len(weights.next_touch_bias)):
                next_logits[k, following] = (
                    dot(hidden, weights.next_touch[following]) + weights.next_touch_bias[following]
                )
            memory.last[row, 0] = channel


def hazard_logits(weights: LstmWeights, steps: Steps, context: Float32Array) -> Float32Array:
    """Logit of the hazard of every step, shape (steps,), before calibration."""
    return read(weights, all_histories(steps, context))[1]


def all_histories(steps: Steps, context: Float32Array) -> Histories:
    """Every customer's touches, to be read to their end; context has shape (customers, P)."""
    return Histories(steps.offsets[:-1], steps.offsets[1:], steps.channel, steps.interaction, steps.state, context)


class NextTouch(NamedTuple):
    """What is known of the next touch of n customers before its channel is chosen."""

    state: Float32Array  # (n, F)
    context: Float32Array  # (n, P)
    allowed: NDArray[np.uint64]  # (n, B) bit c permits channel c in that journey


def candidates(weights: LstmWeights, memory: Memory, touch: NextTouch) -> Float32Array:
    """Hazard logits of every allowed channel as the next touch, its interaction not known yet.

    Returns:
        Shape (n, B, C); NaN where not allowed, which is not computed.
    """
    logits = np.full((*touch.allowed.shape, weights.channels), np.nan, np.float32)
    _candidates(weights, memory, touch, logits)
    return logits


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _candidates(weights: LstmWeights, memory: Memory, touch: NextTouch, logits: Float32Array) -> None:
    state, context, allowed = touch
    C = logits.shape[2]
    outer = np.empty(len(weights.gate_bias), np.float32)
    direct = np.empty(C, np.float32)
    unknown = len(weights.interaction_effect) - 1
    for row in range(len(state)):
        effect = _outer_gates(weights, state[row], context[row], outer)
        effect += weights.interaction_effect[unknown] + weights.hazard_bias[0]
        add_into(outer, weights.interaction_gates[unknown])
        for channel in range(C):
            direct[channel] = dot(context[row], weights.context_effect[channel]) + effect
        for journey in range(memory.hidden.shape[1]):
            permitted = allowed[row, journey]
            if permitted == 0:
                continue
            gates, cell = memory.gates[row, journey], memory.cell[row, journey]
            copy_into(gates, outer)
            add_product(memory.hidden[row, journey], weights.hidden_gates, gates)
            pair = weights.pair_effect[memory.last[row, journey]]
            for channel in range(C):
                if (permitted >> np.uint64(channel)) & np.uint64(1):
                    logit = _peek(gates, weights.channel_gates[channel], cell, weights.hazard)
                    logits[row, journey, channel] = logit + direct[channel] + pair[channel]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _peek(gates: Float32Array, add: Float32Array, cell: Float32Array, hazard: Float32Array) -> np.float32:
    """The LSTM's part of the logit after `_update`, which it does not do."""
    H = len(cell)
    total = np.float32(0.0)
    for unit in range(H):
        enter = sigmoid(gates[unit] + add[unit])
        keep = sigmoid(gates[H + unit] + add[H + unit])
        new = tanh(gates[2 * H + unit] + add[2 * H + unit])
        show = sigmoid(gates[3 * H + unit] + add[3 * H + unit])
        total += show * tanh(keep * cell[unit] + enter * new) * hazard[unit]
    return total


def advance(weights: LstmWeights, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
    """Memory after the chosen touches, which `candidates` has just looked at.

    Args:
        weights: the network.
        memory: as `candidates` left it.
        parent: journey that is continued, shape (n, B').
        channel: by which channel, -1 for none, shape (n, B').
    """
    after = Memory.empty(parent.shape[0], parent.shape[1], weights)
    _advance(weights.channel_gates, memory, parent, channel, after)
    return after


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _advance(channel_gates: Float32Array, memory: Memory, parent: IntArray, channel: IntArray, after: Memory) -> None:
    for row in range(parent.shape[0]):
        for journey in range(parent.shape[1]):
            code, source = channel[row, journey], parent[row, journey]
            if code < 0:
                continue
            hidden, cell = after.hidden[row, journey], after.cell[row, journey]
            copy_into(hidden, memory.hidden[row, source])
            copy_into(cell, memory.cell[row, source])
            _update(memory.gates[row, source], channel_gates[code], hidden, cell)
            after.last[row, journey] = code
