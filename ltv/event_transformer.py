"""The causal Transformer over a customer's events, in torch: for training. `ltv.sequence_network` runs it served."""

import torch
from torch import Tensor, nn

from ltv.sequence_inputs import TOKEN
from ltv.sequence_law import OUTPUTS
from ltv.sequence_network import HEADS

WIDTH, LAYERS, WIDENED = 24, 2, 48


class EventTransformer(nn.Module):
    """Causal attention (Vaswani et al., 2017, arXiv:1706.03762), normalised before each part.

    Tokens say their age and number, so places need no code of their own.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(len(TOKEN), WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, WIDENED, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH + len(TOKEN), len(OUTPUTS))

    def forward(self, events: Tensor, now: Tensor) -> Tensor:
        """Events (B, T, F) and the place of the present (B,) to outputs (B, P)."""
        unseen = torch.ones(events.shape[1], events.shape[1], dtype=torch.bool, device=events.device).triu(1)
        hidden = self.layers(self.enter(events), mask=unseen, is_causal=True)  # (B, T, D)
        row = torch.arange(len(now), device=now.device)
        out: Tensor = self.head(torch.cat([hidden[row, now], events[row, now]], dim=1))  # (B, P)
        return out
