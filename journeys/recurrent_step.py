"""Recurrent journey networks without torch: one touch at a time, in loops that the compiler turns into vector code.

Every customer is computed alone and in the same order of operations, so no batch changes a result. Equal to the torch
networks to 1e-5 (a test holds it). Shapes: C channels, H hidden units, F state features, P attributes.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core.vectors import VECTOR, add_into, add_product, copy_into, dot
from farview.features.steps import Steps
from journeys.inputs import FARTHEST, Histories, NextTouch, all_histories
from journeys.recurrent_cells import LstmWeights, Weights, channels_of, hidden_of, peek, update

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _outer_gates(weights: Weights, state: Float32Array, context: Float32Array, gates: Float32Array) -> np.float32:
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


class Memory(NamedTuple):
    """What the network remembers of n customers' journeys, B of each."""

    hidden: Float32Array  # (n, B, H)
    cell: Float32Array  # (n, B, H), of an LSTM only
    last: CodeArray  # (n, B) channel of the last touch, C + 1 for none
    gates: Float32Array  # (n, B, 4H) scratch: `candidates` leaves in it what `advance` needs

    @classmethod
    def empty(cls, n: int, journeys: int, weights: Weights) -> "Memory":
        """Of journeys without a touch."""
        H = hidden_of(weights)
        return cls(
            np.zeros((n, journeys, H), np.float32),
            np.zeros((n, journeys, H if isinstance(weights, LstmWeights) else 0), np.float32),
            np.full((n, journeys), channels_of(weights) + 1, np.int32),
            np.empty((n, journeys, 4 * H), np.float32),
        )


def read(weights: Weights, histories: Histories) -> tuple[Memory, Float32Array, Float32Array]:
    """Memory after each history (B = 1), and for every touch read the logits of hazard and next touch.

    Returns:
        The memory, hazard logits (touches,) and next-touch logits (touches, C + 1); touches in no history are NaN.
    """
    touches, C = len(histories.channel), channels_of(weights)
    memory = Memory.empty(len(histories.starts), 1, weights)
    logits = np.full(touches, np.nan, np.float32)
    next_logits = np.full((touches, C + 1), np.nan, np.float32)
    _read(weights, histories, memory, logits, next_logits)
    return memory, logits, next_logits


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _read(
    weights: Weights, histories: Histories, memory: Memory, logits: Float32Array, next_logits: Float32Array
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
            update(weights, gates, weights.channel_gates[channel], hidden, cell)
            logits[k] = dot(hidden, weights.hazard) + effect
            for following in range(len(weights.next_touch_bias)):
                next_logits[k, following] = (
                    dot(hidden, weights.next_touch[following]) + weights.next_touch_bias[following]
                )
            memory.last[row, 0] = channel


def hazard_logits(weights: Weights, steps: Steps, context: Float32Array) -> Float32Array:
    """Logit of the hazard of every step, shape (steps,), before calibration."""
    return read(weights, all_histories(steps, context))[1]


def candidates(weights: Weights, memory: Memory, touch: NextTouch) -> Float32Array:
    """Hazard logits of every allowed channel as the next touch, its interaction not known yet.

    Returns:
        Shape (n, B, C); NaN where not allowed, which is not computed.
    """
    logits = np.full((*touch.allowed.shape, channels_of(weights)), np.nan, np.float32)
    _candidates(weights, memory, touch, logits)
    return logits


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _candidates(weights: Weights, memory: Memory, touch: NextTouch, logits: Float32Array) -> None:
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
            gates, hidden, cell = memory.gates[row, journey], memory.hidden[row, journey], memory.cell[row, journey]
            copy_into(gates, outer)
            add_product(hidden, weights.hidden_gates, gates)
            pair = weights.pair_effect[memory.last[row, journey]]
            for channel in range(C):
                if (permitted >> np.uint64(channel)) & np.uint64(1):
                    logit = peek(weights, gates, weights.channel_gates[channel], hidden, cell)
                    logits[row, journey, channel] = logit + direct[channel] + pair[channel]


def advance(weights: Weights, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
    """Memory after the chosen touches, which `candidates` has just looked at.

    Args:
        weights: the network.
        memory: as `candidates` left it.
        parent: journey that is continued, shape (n, B').
        channel: by which channel, -1 for none, shape (n, B').
    """
    after = Memory.empty(parent.shape[0], parent.shape[1], weights)
    _advance(weights, memory, parent, channel, after)
    return after


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _advance(weights: Weights, memory: Memory, parent: IntArray, channel: IntArray, after: Memory) -> None:
    for row in range(parent.shape[0]):
        for journey in range(parent.shape[1]):
            code, source = channel[row, journey], parent[row, journey]
            if code < 0:
                continue
            hidden, cell = after.hidden[row, journey], after.cell[row, journey]
            copy_into(hidden, memory.hidden[row, source])
            copy_into(cell, memory.cell[row, source])
            update(weights, memory.gates[row, source], weights.channel_gates[code], hidden, cell)
            after.last[row, journey] = code
