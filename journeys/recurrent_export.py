"""Trained recurrent torch networks as the arrays that `recurrent_step` runs."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeys.gru import JourneyGru
from journeys.lstm import JourneyLstm
from journeys.network import array, direct_arrays, known_channels
from journeys.recurrent_cells import GruWeights, LstmWeights, Weights

Float32Array = NDArray[np.float32]


def export(network: JourneyLstm | JourneyGru, mean: Float32Array, scale: Float32Array) -> Weights:
    """The network's weights, embeddings multiplied into the gates that they feed.

    Args:
        network: trained.
        mean: (F,) subtracted from state features.
        scale: (F,) multiplied to them after that.
    """
    config = network.config
    with torch.no_grad():
        by_input, by_hidden, bias = _gates(network)
        touch, state, context = torch.split(
            by_input, [config.embedding, config.state_features, config.context_features], dim=1
        )
        kind = LstmWeights if isinstance(network, JourneyLstm) else GruWeights
        return kind(
            channel_gates=array(known_channels(network.channel) @ touch.T),
            interaction_gates=array(network.interaction.weight @ touch.T),
            state_gates=array(state.T),
            context_gates=array(context.T),
            hidden_gates=array(by_hidden.T),
            gate_bias=array(bias),
            state_mean=mean,
            state_scale=scale,
            hazard=array(network.hazard.weight[0]),
            hazard_bias=array(network.hazard.bias),
            next_touch=array(network.next_touch.weight),
            next_touch_bias=array(network.next_touch.bias),
            **direct_arrays(network.direct),
        )


def _gates(network: JourneyLstm | JourneyGru) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the input, (4H, E + F + P), of the hidden state, (4H, H), and the bias, (4H,).

    A GRU's new state has two sums, of the touch and of the hidden state, of which only the second is reset.
    """
    into, hidden, bias, more_bias = network.cell.all_weights[0]
    if isinstance(network, JourneyLstm):
        return into, hidden, bias + more_bias
    H = network.config.hidden
    return (
        torch.cat([into, torch.zeros_like(into[:H])]),
        torch.cat([hidden[: 2 * H], torch.zeros_like(hidden[:H]), hidden[2 * H :]]),
        torch.cat([bias[: 2 * H] + more_bias[: 2 * H], bias[2 * H :], more_bias[2 * H :]]),
    )
