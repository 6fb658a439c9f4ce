"""A recurrent network of what is bought next: it reads a customer's items in order and scores the whole catalogue.

Trained by torch with the full softmax over items, served by numpy: the weights are arrays, and so is the artifact.

Sources: Hidasi, Karatzoglou, Baltrunas, Tikk (2016), "Session-based recommendations with recurrent neural networks",
ICLR; the loss over all items rather than over sampled ones after Klenitskiy, Vasilev (2023), "Turning dross into gold
loss: is BERT4Rec really better than SASRec?", RecSys.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from ranking.next_item import Histories

Float32Array = NDArray[np.float32]

LONGEST = 50  # last items of a customer that are read
WEIGHTS = ("items", "into", "back", "into_bias", "back_bias", "item_bias")


@dataclass(frozen=True, slots=True, eq=False)
class ItemSequences:
    """A fitted network: m items, d hidden units."""

    weights: Mapping[str, Float32Array]
    # items (m, d) embeddings, read and scored by; into, back (3d, d) gates reset, update, new of torch's GRU;
    # into_bias, back_bias (3d,); item_bias (m,)
    epochs: int  # that the early stop kept

    def scores(self, histories: Histories, customers: IntArray) -> FloatArray:
        """Logits of the next item, shape (customers named, m); of a customer without items those of the bias."""
        tokens, length = histories.last_items(customers, LONGEST)
        hidden = np.zeros((len(customers), self.weights["items"].shape[1]), np.float32)
        for step in range(tokens.shape[1]):
            read = step < length
            hidden = np.where(read[:, None], self._step(tokens[:, step], hidden), hidden)
        return np.asarray(hidden @ self.weights["items"].T + self.weights["item_bias"], dtype=np.float64)

    def _step(self, items: IntArray, hidden: Float32Array) -> Float32Array:
        """One step of a GRU as torch defines it, shape (rows, d)."""
        w = self.weights
        from_item = w["items"][np.maximum(items, 0)] @ w["into"].T + w["into_bias"]
        from_past = hidden @ w["back"].T + w["back_bias"]
        d = hidden.shape[1]
        reset = _sigmoid(from_item[:, :d] + from_past[:, :d])
        update = _sigmoid(from_item[:, d : 2 * d] + from_past[:, d : 2 * d])
        new = np.tanh(from_item[:, 2 * d :] + reset * from_past[:, 2 * d :])
        return np.asarray((1 - update) * new + update * hidden)

    def to_artifact(self) -> bytes:
        """Safetensors."""
        return save({**self.weights, "epochs": np.array([self.epochs], dtype=np.int64)})

    @classmethod
    def from_artifact(cls, artifact: bytes) -> "ItemSequences":
        """Reads what `to_artifact` wrote.

        Raises:
            InvalidInput: it is something else.
        """
        tensors = load(artifact)
        if set(tensors) != {*WEIGHTS, "epochs"}:
            raise InvalidInput.of("artifact", "is no network of item sequences (train it again)")
        return cls({name: tensors[name] for name in WEIGHTS}, int(tensors["epochs"][0]))


def _sigmoid(x: Float32Array) -> Float32Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
