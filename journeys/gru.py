"""The GRU of customer journeys, in torch: for training only. `recurrent_step` runs the same network served."""

from torch import Tensor, nn

from journeys.network import DirectEffects, NetworkConfig, touch_inputs


class JourneyGru(nn.Module):
    """A gated recurrent unit over the touches (Cho et al., 2014, arXiv:1406.1078) beside the direct effects."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        C = config.channels
        self.config = config
        self.channel = nn.Embedding(C + 1, config.embedding)
        self.interaction = nn.Embedding(config.interactions + 1, config.embedding)
        width = config.embedding + config.state_features + config.context_features
        self.cell = nn.GRU(width, config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.hazard = nn.Linear(config.hidden, 1)
        self.next_touch = nn.Linear(config.hidden, C + 1)  # the last: none within the window
        self.direct = DirectEffects(config)

    def forward(self, channel: Tensor, interaction: Tensor, state: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """See JourneyNetwork."""
        touch = self.channel(channel) + self.interaction(interaction)  # (B, T, E)
        hidden, _ = self.cell(touch_inputs(touch, state, context))  # (B, T, H)
        hidden = self.dropout(hidden)
        logit = self.hazard(hidden)[..., 0] + self.direct(channel, interaction, state, context)  # (B, T)
        return logit, self.next_touch(hidden)
