"""Trained torch Transformers as the arrays that `transformer_step` runs."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from journeys.network import array, direct_arrays, known_channels
from journeys.transformer import JourneyTransformer, Layer
from journeys.transformer_step import HEADS, TransformerWeights

Float32Array = NDArray[np.float32]


def export(network: JourneyTransformer, mean: Float32Array, scale: Float32Array) -> TransformerWeights:
    """The network's weights, embeddings multiplied into the first layer.

    Args:
        network: trained.
        mean: (F,) subtracted from state features.
        scale: (F,) multiplied to them after that.
    """
    config, enter = network.config, network.enter
    layers: list[Layer] = [layer for layer in network.layers if isinstance(layer, Layer)]

    def stacked(part: Callable[[Layer], Tensor]) -> Float32Array:
        return array(torch.stack([part(layer) for layer in layers]))

    def queries_scaled(looked: Tensor) -> Tensor:
        # (D,) or (D, D) first rows: queries. Attention divides scores by the root of a head's width.
        head_width = config.hidden // HEADS
        return torch.cat([looked[: config.hidden] / head_width**0.5, looked[config.hidden :]])

    with torch.no_grad():
        touch, state, context = torch.split(
            enter.weight, [config.embedding, config.state_features, config.context_features], dim=1
        )
        return TransformerWeights(
            channel=array(known_channels(network.channel) @ touch.T),
            interaction=array(network.interaction.weight @ touch.T),
            state=array(state.T),
            context=array(context.T),
            enter_bias=array(enter.bias),
            norm_attention=stacked(lambda layer: _affine(layer.norm_attention.parameters())),
            look=stacked(lambda layer: queries_scaled(layer.look.weight).T),
            look_bias=stacked(lambda layer: queries_scaled(layer.look.bias)),
            distance=stacked(lambda layer: layer.distance),
            told=stacked(lambda layer: layer.told.weight.T),
            told_bias=stacked(lambda layer: layer.told.bias),
            norm_feed=stacked(lambda layer: _affine(layer.norm_feed.parameters())),
            widen=stacked(lambda layer: layer.widen.weight.T),
            widen_bias=stacked(lambda layer: layer.widen.bias),
            narrow=stacked(lambda layer: layer.narrow.weight.T),
            narrow_bias=stacked(lambda layer: layer.narrow.bias),
            norm=array(_affine(network.norm.parameters())),
            state_mean=mean,
            state_scale=scale,
            hazard=array(network.hazard.weight[0]),
            hazard_bias=array(network.hazard.bias),
            next_touch=array(network.next_touch.weight),
            next_touch_bias=array(network.next_touch.bias),
            **direct_arrays(network.direct),
        )


def _affine(parameters: Iterable[Tensor]) -> Tensor:
    """Factor and shift of a layer normalisation, (2, D)."""
    return torch.stack(list(parameters))
