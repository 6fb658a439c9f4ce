"""What every trained journey network has in common: its shape, and the first-order part of its hazard."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Shape of a network."""

    channels: int  # C; one more row stands for channels never seen in training
    interactions: int  # I; one more row stands for an interaction not known yet, as in a plan
    state_features: int  # F
    context_features: int  # P
    hidden: int = 32  # H
    embedding: int = 16  # E
    dropout: float = 0.3


class JourneyNetwork(Protocol):
    """Reads journeys and says, after each touch, how likely a conversion and each next touch are."""

    config: NetworkConfig
    hazard: nn.Linear  # the last layer, whose bias is the base rate before training

    def __call__(
        self, channel: Tensor, interaction: Tensor, state: Tensor, context: Tensor, /
    ) -> tuple[Tensor, Tensor]:
        """Logits of the hazard, (B, T), and of the next touch's channel given no conversion, (B, T, C + 1).

        Args:
            channel: codes, (B, T).
            interaction: codes, (B, T).
            state: scaled state features, (B, T, F).
            context: encoded attributes, (B, P).
        """


class DirectEffects(nn.Module):
    """A first-order model: effects of the channel, of the channel after the one before, of the channel with each
    attribute, of the interaction and of the state.

    It is added to the hazard's logit of every network, which then says what depends on the journey beyond that.
    Starting from it, which few data determine well, is what makes the whole good on rare conversions (wide and deep:
    Cheng et al., 2016, arXiv:1606.07792, section 3).
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        C = config.channels
        self.channel_effect = nn.Embedding(C + 1, 1)
        self.pair_effect = nn.Embedding((C + 2) * (C + 1), 1)  # row: channel before (C + 1: none), column: channel
        self.context_effect = nn.Embedding(C + 1, config.context_features)
        self.interaction_effect = nn.Embedding(config.interactions + 1, 1)
        self.state_effect = nn.Linear(config.state_features, 1, bias=False)
        for part in (self.channel_effect, self.pair_effect, self.context_effect, self.interaction_effect):
            nn.init.zeros_(part.weight)
        nn.init.zeros_(self.state_effect.weight)

    def forward(self, channel: Tensor, interaction: Tensor, state: Tensor, context: Tensor) -> Tensor:
        """Its part of the hazard's logit, (B, T); see JourneyNetwork."""
        none = self.channel_effect.num_embeddings  # C + 1
        before = nn.functional.pad(channel[:, :-1], (1, 0), value=none)  # (B, T)
        pair = before * none + channel
        with_context = (self.context_effect(channel) * context[:, None, :]).sum(dim=2)
        single = self.channel_effect(channel) + self.pair_effect(pair) + self.interaction_effect(interaction)
        effect: Tensor = (single + self.state_effect(state))[..., 0] + with_context
        return effect


def known_channels(embedding: nn.Embedding) -> Tensor:
    """The embedding's rows, the last, of a channel never seen in training, as the mean of the others, (C + 1, E)."""
    rows = embedding.weight.detach().clone()
    rows[-1] = rows[:-1].mean(dim=0)
    return rows


def direct_arrays(direct: DirectEffects) -> dict[str, NDArray[np.float32]]:
    """The direct effects as the served networks name them, the channel's own inside the pair's."""
    own = direct.channel_effect.weight[:, 0]  # (C + 1,)
    return {
        "pair_effect": array(direct.pair_effect.weight.reshape(len(own) + 1, len(own)) + own),
        "context_effect": array(direct.context_effect.weight),
        "interaction_effect": array(direct.interaction_effect.weight[:, 0]),
        "state_effect": array(direct.state_effect.weight[0]),
    }


def array(tensor: Tensor) -> NDArray[np.float32]:
    """A copy: the tensor's own memory changes when training goes on."""
    return np.array(tensor.detach().numpy(), dtype=np.float32, order="C")


def touch_inputs(touch: Tensor, state: Tensor, context: Tensor) -> Tensor:
    """What a recurrent cell reads at each touch, (B, T, E + F + P)."""
    who = context[:, None, :].expand(-1, touch.shape[1], -1)  # (B, T, P)
    return torch.cat([touch, state, who], dim=2)
