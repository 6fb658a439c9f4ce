"""The GRU over a customer's events, in torch: for training. `ltv.sequence_network` runs it served."""

import torch
from torch import Tensor, nn

from ltv.sequence_inputs import TOKEN
from ltv.sequence_law import OUTPUTS

HIDDEN = 24


class EventGru(nn.Module):
    """A gated recurrent unit (Cho et al., 2014, arXiv:1406.1078) whose last state is read beside the present itself."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.cell = nn.GRU(len(TOKEN), HIDDEN, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(HIDDEN + len(TOKEN), len(OUTPUTS))

    def forward(self, events: Tensor, now: Tensor) -> Tensor:
        """Events (B, T, F) and the place of the present (B,) to outputs (B, P)."""
        hidden, _ = self.cell(events)  # (B, T, H)
        row = torch.arange(len(now), device=now.device)
        read = torch.cat([self.dropout(hidden[row, now]), events[row, now]], dim=1)  # (B, H + F)
        out: Tensor = self.head(read)  # (B, P)
        return out
