"""Trained sequence networks without torch: one customer after another, in loops that become vector code.

Every customer is computed alone and in the same order of operations, so no batch changes a forecast. Equal to the torch
networks to 1e-5 (a test holds it). Shapes: F columns of a token, H hidden units, D width, W widened, P outputs.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit

from farview.core.vectors import VECTOR, add_into, add_product, copy_into, dot, normalise, sigmoid, tanh
from ltv.sequence_inputs import Float32Array, FloatArray, IntArray, Tokens

Weights = Mapping[str, Float32Array]
"""torch's parameters by their names."""

HEADS = 2  # of the Transformer
_LAYER = "layers.layers."


class _Gru(NamedTuple):
    """Gates stand in the order reset, update, new."""

    into: Float32Array  # (F, 3H)
    into_bias: Float32Array  # (3H,)
    over: Float32Array  # (H, 3H)
    over_bias: Float32Array  # (3H,)


class _Transformer(NamedTuple):
    """Layers L stacked; `norms` are factor and shift before attention, then before the feed-forward part."""

    enter: Float32Array  # (F, D)
    enter_bias: Float32Array  # (D,)
    norms: Float32Array  # (L, 4, D)
    look: Float32Array  # (L, D, 3D) queries, keys, values
    look_bias: Float32Array  # (L, 3D)
    told: Float32Array  # (L, D, D)
    told_bias: Float32Array  # (L, D)
    widen: Float32Array  # (L, D, W)
    widen_bias: Float32Array  # (L, W)
    narrow: Float32Array  # (L, W, D)
    narrow_bias: Float32Array  # (L, D)
    norm: Float32Array  # (2, D)


def outputs(weights: Weights, tokens: Tokens) -> FloatArray:
    """Outputs of an EventGru's or EventTransformer's parameters, (rows, len(OUTPUTS))."""
    bias, width = weights["head.bias"], weights["head.weight"].shape[1] - tokens.events.shape[2]
    hidden = np.zeros((len(tokens.now), width), np.float32)
    if "cell.weight_ih_l0" in weights:
        _run_gru(_gru(weights), tokens.events, tokens.now, hidden)
    else:
        _run_transformer(_transformer(weights), tokens.events, tokens.now, hidden)
    found = np.empty((len(hidden), len(bias)), np.float32)
    head = np.ascontiguousarray(weights["head.weight"])
    _read(head[:, :width].copy(), head[:, width:].copy(), bias, (hidden, tokens.events, tokens.now), found)
    return found.astype(np.float64)


def _gru(weights: Weights) -> _Gru:
    names = ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
    return _Gru(*(np.ascontiguousarray(weights[f"cell.{name}"].T) for name in names))


def _transformer(weights: Weights) -> _Transformer:
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith(_LAYER))

    def stacked(name: str) -> Float32Array:
        return np.stack([np.ascontiguousarray(weights[f"{_LAYER}{layer}.{name}"].T) for layer in range(layers)])

    norms = [stacked(name) for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias")]
    return _Transformer(
        enter=np.ascontiguousarray(weights["enter.weight"].T),
        enter_bias=weights["enter.bias"],
        norms=np.stack(norms, axis=1),
        look=stacked("self_attn.in_proj_weight"),
        look_bias=stacked("self_attn.in_proj_bias"),
        told=stacked("self_attn.out_proj.weight"),
        told_bias=stacked("self_attn.out_proj.bias"),
        widen=stacked("linear1.weight"),
        widen_bias=stacked("linear1.bias"),
        narrow=stacked("linear2.weight"),
        narrow_bias=stacked("linear2.bias"),
        norm=np.stack([weights["layers.norm.weight"], weights["layers.norm.bias"]]),
    )


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _read(
    by_hidden: Float32Array,
    by_present: Float32Array,
    bias: Float32Array,
    rows: tuple[Float32Array, Float32Array, IntArray],
    found: Float32Array,
) -> None:
    hidden, events, now = rows
    for row in range(len(now)):
        for k in range(len(bias)):
            present = dot(events[row, now[row]], by_present[k])
            found[row, k] = dot(hidden[row], by_hidden[k]) + present + bias[k]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _run_gru(weights: _Gru, events: Float32Array, now: IntArray, hidden: Float32Array) -> None:
    """Fills hidden (rows, H), which is 0, with the state at the present."""
    H = hidden.shape[1]
    touch, state = np.empty(3 * H, np.float32), np.empty(3 * H, np.float32)
    for row in range(len(now)):
        own = hidden[row]
        for t in range(now[row] + 1):
            copy_into(touch, weights.into_bias)
            add_product(events[row, t], weights.into, touch)
            copy_into(state, weights.over_bias)
            add_product(own, weights.over, state)
            for unit in range(H):
                reset = sigmoid(touch[unit] + state[unit])
                keep = sigmoid(touch[H + unit] + state[H + unit])
                new = tanh(touch[2 * H + unit] + reset * state[2 * H + unit])
                own[unit] = (np.float32(1.0) - keep) * new + keep * own[unit]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _run_transformer(weights: _Transformer, events: Float32Array, now: IntArray, hidden: Float32Array) -> None:
    """Fills hidden (rows, D) with the state at the present."""
    layers, D, W = weights.widen.shape
    kept = np.empty((layers, events.shape[1], 2 * D), np.float32)  # keys and values of the tokens so far
    x, normed, told = np.empty(D, np.float32), np.empty(D, np.float32), np.empty(D, np.float32)
    looked, wide, score = np.empty(3 * D, np.float32), np.empty(W, np.float32), np.empty(events.shape[1], np.float32)
    for row in range(len(now)):
        for t in range(now[row] + 1):
            copy_into(x, weights.enter_bias)
            add_product(events[row, t], weights.enter, x)
            for layer in range(layers):
                normalise(x, weights.norms[layer, :2], normed)
                copy_into(looked, weights.look_bias[layer])
                add_product(normed, weights.look[layer], looked)
                copy_into(kept[layer, t], looked[D:])
                _attend(looked, kept[layer, : t + 1], score, told)
                add_into(x, weights.told_bias[layer])
                add_product(told, weights.told[layer], x)
                normalise(x, weights.norms[layer, 2:], normed)
                copy_into(wide, weights.widen_bias[layer])
                add_product(normed, weights.widen[layer], wide)
                for unit in range(W):
                    wide[unit] = max(wide[unit], np.float32(0.0))
                add_into(x, weights.narrow_bias[layer])
                add_product(wide, weights.narrow[layer], x)
        normalise(x, weights.norm, hidden[row])


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def _attend(looked: Float32Array, kept: Float32Array, score: Float32Array, told: Float32Array) -> None:
    """Fills told (D,) with what the query in looked (3D,) finds among keys and values kept (tokens, 2D)."""
    D = len(told)
    width = D // HEADS
    for head in range(HEADS):
        first, last = head * width, (head + 1) * width
        highest = np.float32(-np.inf)
        for t in range(len(kept)):
            score[t] = dot(looked[first:last], kept[t, first:last]) / np.sqrt(np.float32(width))
            highest = max(highest, score[t])
        total = np.float32(0.0)
        for t in range(len(kept)):
            score[t] = np.exp(score[t] - highest)
            total += score[t]
        for unit in range(first, last):
            told[unit] = np.float32(0.0)
        for t in range(len(kept)):
            share = score[t] / total
            for unit in range(first, last):
                told[unit] += share * kept[t, D + unit]
