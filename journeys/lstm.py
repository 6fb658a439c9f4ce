"""The recurrent network of customer journeys, in torch: for training only. `lstm_step` runs the same network served."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class LstmConfig:
    """Shape of the network."""

    channels: int  # C; one more row stands for channels never seen in training
    interactions: int  # I; one more row stands for an interaction not known yet, as in a plan
    state_features: int  # F
    context_features: int  # P
    hidden: int = 32  # H
    embedding: int = 16  # E
    dropout: float = 0.3


class JourneyLstm(nn.Module):
    """Reads a journey touch by touch and, after each, says how likely a conversion and each next touch are.

    The hazard's logit has two parts. The direct part is a first-order model: effects of the channel, of the channel
    after the one before, of the channel with each attribute, of the interaction and of the state. The LSTM adds what
    depends on the journey beyond that. Starting from the direct part, which few data determine well, is what makes
    the whole good on rare conversions (wide and deep: Cheng et al., 2016, arXiv:1606.07792, section 3).
    """

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        C = config.channels
        width = config.embedding + config.state_features + config.context_features
        self.config = config
        self.channel = nn.Embedding(C + 1, config.embedding)
        self.interaction = nn.Embedding(config.interactions + 1, config.embedding)
        self.lstm = nn.LSTM(width, config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.hazard = nn.Linear(config.hidden, 1)
        self.next_touch = nn.Linear(config.hidden, C + 1)  # the last: none within the window
        self.channel_effect = nn.Embedding(C + 1, 1)
        self.pair_effect = nn.Embedding((C + 2) * (C + 1), 1)  # row: channel before (C + 1: none), column: channel
        self.context_effect = nn.Embedding(C + 1, config.context_features)
        self.interaction_effect = nn.Embedding(config.interactions + 1, 1)
        self.state_effect = nn.Linear(config.state_features, 1, bias=False)
        for part in self.direct_parts():
            nn.init.zeros_(part.weight)

    def direct_parts(self) -> tuple[nn.Embedding | nn.Linear, ...]:
        """The modules of the direct part."""
        return (
            self.channel_effect,
            self.pair_effect,
            self.context_effect,
            self.interaction_effect,
            self.state_effect,
        )

    def forward(self, channel: Tensor, interaction: Tensor, state: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the hazard, (B, T), and of the next touch's channel given no conversion, (B, T, C + 1).

        Args:
            channel: codes, (B, T).
            interaction: codes, (B, T).
            state: scaled state features, (B, T, F).
            context: encoded attributes, (B, P).
        """
        touch = self.channel(channel) + self.interaction(interaction)  # (B, T, E)
        who = context[:, None, :].expand(-1, touch.shape[1], -1)  # (B, T, P)
        hidden, _ = self.lstm(torch.cat([touch, state, who], dim=2))  # (B, T, H)
        hidden = self.dropout(hidden)
        logit = self.hazard(hidden)[..., 0] + self.direct(channel, interaction, state, context)  # (B, T)
        return logit, self.next_touch(hidden)

    def direct(self, channel: Tensor, interaction: Tensor, state: Tensor, context: Tensor) -> Tensor:
        """The direct part of the hazard's logit, (B, T)."""
        none = self.config.channels + 1
        before = nn.functional.pad(channel[:, :-1], (1, 0), value=none)  # (B, T)
        pair = before * none + channel
        with_context = (self.context_effect(channel) * context[:, None, :]).sum(dim=2)
        single = self.channel_effect(channel) + self.pair_effect(pair) + self.interaction_effect(interaction)
        effect: Tensor = (single + self.state_effect(state))[..., 0] + with_context
        return effect
