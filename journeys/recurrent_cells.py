"""The cells of the served recurrent networks: how one touch changes what is remembered.

Both kinds have the same parts in the same shapes, so one set of loops runs them; the type of the weights says, when the
loops are compiled, which cell is meant.
"""

# ruff: noqa: ARG001 - every cell has the same arguments, which numba matches by name

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from farview.core.vectors import VECTOR, sigmoid, tanh

Float32Array = NDArray[np.float32]


class _Parts(NamedTuple):
    """Everything a network knows, float32, its embeddings multiplied into the gates that they feed."""

    channel_gates: Float32Array  # (C + 1, 4H) last row: an unknown channel
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


class LstmWeights(_Parts):
    """Gates stand in the order input, forget, cell, output."""

    __slots__ = ()


class GruWeights(_Parts):
    """Gates stand in the order reset, update, then the new state's two sums: of the touch and of the hidden state."""

    __slots__ = ()


Weights = LstmWeights | GruWeights


def channels_of(weights: Weights) -> int:
    """C."""
    return len(weights.next_touch_bias) - 1


def hidden_of(weights: Weights) -> int:
    """H."""
    return len(weights.hazard)


def update(weights: Weights, gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array) -> None:
    """Hidden state and cell (H,) after a touch whose gates are gates + add (4H,), in place. Only for compiled code."""
    raise NotImplementedError


def peek(
    weights: Weights, gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array
) -> np.float32:
    """The hidden state's part of the hazard's logit after `update`, which it does not do. Only for compiled code."""
    raise NotImplementedError


# Not strict: numba would compare annotations, and here types describe types.
@overload(update, jit_options={"fastmath": VECTOR, "error_model": "numpy"}, strict=False)
def _update_of(
    weights: types.Type, gates: types.Type, add: types.Type, hidden: types.Type, cell: types.Type
) -> Callable[..., None] | None:
    return {LstmWeights: _lstm_update, GruWeights: _gru_update}.get(_class(weights))


@overload(peek, jit_options={"fastmath": VECTOR, "error_model": "numpy"}, strict=False)
def _peek_of(
    weights: types.Type, gates: types.Type, add: types.Type, hidden: types.Type, cell: types.Type
) -> Callable[..., np.float32] | None:
    return {LstmWeights: _lstm_peek, GruWeights: _gru_peek}.get(_class(weights))


def _class(weights: types.Type) -> Any:
    return getattr(weights, "instance_class", None)


def _lstm_update(
    weights: Weights, gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array
) -> None:
    H = len(hidden)
    for unit in range(H):
        enter = sigmoid(gates[unit] + add[unit])
        keep = sigmoid(gates[H + unit] + add[H + unit])
        new = tanh(gates[2 * H + unit] + add[2 * H + unit])
        show = sigmoid(gates[3 * H + unit] + add[3 * H + unit])
        cell[unit] = keep * cell[unit] + enter * new
        hidden[unit] = show * tanh(cell[unit])


def _lstm_peek(
    weights: Weights, gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array
) -> np.float32:
    H = len(cell)
    total = np.float32(0.0)
    for unit in range(H):
        enter = sigmoid(gates[unit] + add[unit])
        keep = sigmoid(gates[H + unit] + add[H + unit])
        new = tanh(gates[2 * H + unit] + add[2 * H + unit])
        show = sigmoid(gates[3 * H + unit] + add[3 * H + unit])
        total += show * tanh(keep * cell[unit] + enter * new) * weights.hazard[unit]
    return total


def _gru_update(
    weights: Weights, gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array
) -> None:
    H = len(hidden)
    for unit in range(H):
        reset = sigmoid(gates[unit] + add[unit])
        keep = sigmoid(gates[H + unit] + add[H + unit])
        recalled = gates[3 * H + unit] + add[3 * H + unit]
        new = tanh(gates[2 * H + unit] + add[2 * H + unit] + reset * recalled)
        hidden[unit] = (np.float32(1.0) - keep) * new + keep * hidden[unit]


def _gru_peek(
    weights: Weights, gates: Float32Array, add: Float32Array, hidden: Float32Array, cell: Float32Array
) -> np.float32:
    H = len(hidden)
    total = np.float32(0.0)
    for unit in range(H):
        reset = sigmoid(gates[unit] + add[unit])
        keep = sigmoid(gates[H + unit] + add[H + unit])
        recalled = gates[3 * H + unit] + add[3 * H + unit]
        new = tanh(gates[2 * H + unit] + add[2 * H + unit] + reset * recalled)
        total += ((np.float32(1.0) - keep) * new + keep * hidden[unit]) * weights.hazard[unit]
    return total
