"""Training of the network of item sequences. Imports torch; serving does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.evaluation.arrays import IntArray
from ranking.item_sequences import LONGEST, ItemSequences
from ranking.next_item import FEWEST_SEQUENCES, Histories

_PAD = -1


@dataclass(frozen=True, slots=True)
class SequenceOptions:
    """How the network is trained."""

    units: int = 48
    dropout: float = 0.2  # of what is read and of what is scored by
    rate: float = 0.005
    batch: int = 64  # customers
    most_epochs: int = 30
    patience: int = 3  # epochs without a lower loss on customers left out
    left_out: float = 0.1  # share of customers who end the training
    seed: int = 0


class _Network(nn.Module):
    """Embeddings, a GRU, and scores by the same embeddings."""

    def __init__(self, items: int, options: SequenceOptions) -> None:
        super().__init__()
        self.items = nn.Embedding(items, options.units)
        self.gru = nn.GRU(options.units, options.units, batch_first=True)
        self.item_bias = nn.Parameter(torch.zeros(items))
        self.dropout = nn.Dropout(options.dropout)
        nn.init.normal_(self.items.weight, std=0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits after each item, (customers, steps, m), of tokens (customers, steps)."""
        hidden, _ = self.gru(self.dropout(self.items(tokens.clamp(min=0))))
        logits: Tensor = self.dropout(hidden) @ self.items.weight.T + self.item_bias
        return logits


def fit_item_sequences(histories: Histories, options: SequenceOptions | None = None) -> ItemSequences:
    """Fits the network to customers with two items or more. Same histories and options, same weights.

    Of customers left out at random the loss of each next item is watched; the epoch where it is lowest is kept.

    Raises:
        InvalidInput: on `histories`, when fewer than FEWEST_SEQUENCES customers have two items or more.
    """
    options = options or SequenceOptions()
    if histories.sequences < FEWEST_SEQUENCES:
        raise InvalidInput.of(
            "histories",
            f"hold {histories.sequences:,} with two items or more; a sequence model needs {FEWEST_SEQUENCES}",
        )
    tokens, length = histories.last_items(np.arange(histories.bought.shape[0]), LONGEST + 1)
    tokens = tokens[length >= 2]
    with _deterministic(options.seed):
        network = _Network(histories.bought.shape[1], options)
        best, epochs = _trained(network, tokens, options)
    arrays = {name: tensor.numpy().astype(np.float32) for name, tensor in best.items()}
    weights = {
        "items": arrays["items.weight"],
        "into": arrays["gru.weight_ih_l0"],
        "back": arrays["gru.weight_hh_l0"],
        "into_bias": arrays["gru.bias_ih_l0"],
        "back_bias": arrays["gru.bias_hh_l0"],
        "item_bias": arrays["item_bias"],
    }
    return ItemSequences(weights, epochs)


def _trained(network: _Network, tokens: IntArray, options: SequenceOptions) -> tuple[dict[str, Tensor], int]:
    """The weights of the epoch with the lowest loss on the customers left out, and its number."""
    rng = generator(options.seed, "item sequences")
    order = rng.permutation(len(tokens))
    judged, learnt = np.split(order, [max(1, int(options.left_out * len(order)))])
    optimiser = torch.optim.Adam(network.parameters(), lr=options.rate)
    best, lowest, kept = _copy(network), float("inf"), 0
    for epoch in range(1, options.most_epochs + 1):
        network.train()
        shuffled = rng.permutation(learnt)
        for start in range(0, len(shuffled), options.batch):
            loss = _loss(network, tokens[shuffled[start : start + options.batch]])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        network.eval()
        with torch.no_grad():
            now = float(_loss(network, tokens[judged]))
        if now < lowest:
            best, lowest, kept = _copy(network), now, epoch
        elif epoch - kept >= options.patience:
            break
    return best, kept


def _loss(network: _Network, tokens: IntArray) -> Tensor:
    """Mean cross-entropy of each next item, (customers, steps) of items, -1 after the last."""
    batch = torch.from_numpy(np.ascontiguousarray(tokens))
    logits = network(batch[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), ignore_index=_PAD)


def _copy(network: _Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@contextmanager
def _deterministic(seed: int) -> Iterator[None]:
    """One thread and a seed of its own; both are given back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
