"""The causal Transformer of customer journeys, in torch: for training only. `transformer_step` runs it served."""

import torch
from torch import Tensor, nn

from journeys.network import DirectEffects, NetworkConfig, touch_inputs
from journeys.transformer_step import HEADS, LAYERS, REACH, WIDENING


class JourneyTransformer(nn.Module):
    """Layers of causal attention over the last REACH touches, beside the direct effects.

    Vaswani et al. (2017, arXiv:1706.03762), normalised before each part (Xiong et al., 2020, arXiv:2002.04745). Where a
    touch stands is told by a learnt bias for each distance (Raffel et al., 2020, arXiv:1910.10683, section 2.1), so a
    journey may be longer than any seen in training.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        C, D = config.channels, config.hidden
        self.config = config
        self.channel = nn.Embedding(C + 1, config.embedding)
        self.interaction = nn.Embedding(config.interactions + 1, config.embedding)
        self.enter = nn.Linear(config.embedding + config.state_features + config.context_features, D)
        self.layers = nn.ModuleList(Layer(D, config.dropout) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(D)
        self.dropout = nn.Dropout(config.dropout)
        self.hazard = nn.Linear(D, 1)
        self.next_touch = nn.Linear(D, C + 1)  # the last: none within the window
        self.direct = DirectEffects(config)

    def forward(self, channel: Tensor, interaction: Tensor, state: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """See JourneyNetwork."""
        touch = self.channel(channel) + self.interaction(interaction)  # (B, T, E)
        x = self.enter(touch_inputs(touch, state, context))  # (B, T, D)
        for layer in self.layers:
            x = layer(x)
        hidden = self.dropout(self.norm(x))  # (B, T, D)
        logit = self.hazard(hidden)[..., 0] + self.direct(channel, interaction, state, context)  # (B, T)
        return logit, self.next_touch(hidden)


class Layer(nn.Module):
    """Attention, then a feed-forward part, each added to what it reads."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.look = nn.Linear(width, 3 * width)  # queries, keys, values
        self.distance = nn.Parameter(torch.zeros(HEADS, REACH))  # added to the scores, by touches back
        self.told = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.widen = nn.Linear(width, WIDENING * width)
        self.narrow = nn.Linear(WIDENING * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D); a touch sees itself and the REACH - 1 touches before it."""
        B, T, D = x.shape
        looked = self.look(self.norm_attention(x)).view(B, T, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = looked.unbind()  # (B, HEADS, T, D / HEADS) each
        heads = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=self._bias(T))
        x = x + self.dropout(self.told(heads.transpose(1, 2).reshape(B, T, D)))
        fed: Tensor = x + self.dropout(self.narrow(torch.relu(self.widen(self.norm_feed(x)))))
        return fed

    def _bias(self, T: int) -> Tensor:
        """What distance adds to the scores, (HEADS, T, T); minus infinity where nothing is seen."""
        back = torch.arange(T)[:, None] - torch.arange(T)
        seen = (back >= 0) & (back < REACH)
        return self.distance[:, back.clamp(0, REACH - 1)].masked_fill(~seen, -torch.inf)
