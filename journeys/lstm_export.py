"""Trained torch networks as the arrays that `lstm_step` runs."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeys.lstm import JourneyLstm
from journeys.lstm_step import LstmWeights

Float32Array = NDArray[np.float32]


def export(network: JourneyLstm, state_mean: Float32Array, state_scale: Float32Array) -> LstmWeights:
    """The network's weights, embeddings multiplied into the gates that they feed.

    A channel never seen in training gets the mean embedding of the known ones.

    Args:
        network: trained.
        state_mean: (F,) subtracted from state features.
        state_scale: (F,) multiplied to them after that.
    """
    config = network.config
    with torch.no_grad():
        channel = network.channel.weight.clone()
        channel[-1] = channel[:-1].mean(dim=0)
        into, hidden, bias, more_bias = network.lstm.all_weights[0]  # (4H, E + F + P), (4H, H), (4H,), (4H,)
        touch, state, context = torch.split(
            into, [config.embedding, config.state_features, config.context_features], dim=1
        )
        pair = network.pair_effect.weight.reshape(config.channels + 2, config.channels + 1)
        return LstmWeights(
            channel_gates=_array(channel @ touch.T),
            interaction_gates=_array(network.interaction.weight @ touch.T),
            state_gates=_array(state.T),
            context_gates=_array(context.T),
            hidden_gates=_array(hidden.T),
            gate_bias=_array(bias + more_bias),
            state_mean=state_mean,
            state_scale=state_scale,
            hazard=_array(network.hazard.weight[0]),
            hazard_bias=_array(network.hazard.bias),
            next_touch=_array(network.next_touch.weight),
            next_touch_bias=_array(network.next_touch.bias),
            pair_effect=_array(pair + network.channel_effect.weight[:, 0]),
            context_effect=_array(network.context_effect.weight),
            interaction_effect=_array(network.interaction_effect.weight[:, 0]),
            state_effect=_array(network.state_effect.weight[0]),
        )


def _array(tensor: Tensor) -> Float32Array:
    # A copy: the tensor's own memory changes when training goes on.
    return np.array(tensor.detach().numpy(), dtype=np.float32, order="C")
