"""A next-item model as it is registered and served: which items of the whole catalogue a customer may want next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from farview.core.tensor_artifact import TensorFormat
from farview.evaluation.arrays import FloatArray, IntArray
from ranking.item_sequences import WEIGHTS, ItemSequences
from ranking.model_names import ITEM_KNN, LAST_CATEGORY, POPULARITY, SEQUENCE
from ranking.next_item import Histories, ItemKnn, LastCategory, NextItemModel, Popularity, top_items

FORMAT = TensorFormat("farview.next-item", version=1, what="a next-item model")
Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class NextItems:
    """A fitted model with the names of its items."""

    name: str  # POPULARITY, ITEM_KNN, LAST_CATEGORY or SEQUENCE
    model: NextItemModel
    items: tuple[str, ...]  # increasing
    takers: FloatArray  # (items,) customers who took the item
    least_grade: int  # from which on an item of a list counts as taken

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {item: code for code, item in enumerate(self.items)}

    def best(self, taken: Sequence[str], most: int, *, again: bool = False) -> IntArray:
        """Positions in `items` of what comes next, best first, at most so many.

        Args:
            taken: items that the customer took, oldest first; those that the model does not know are passed over.
            most: items wanted, at least 1.
            again: whether what was taken may come again.
        """
        codes = np.array([self._codes[item] for item in taken if item in self._codes], dtype=np.int64)
        shape = 1, len(self.items)
        history = Histories.of(np.zeros(len(codes), dtype=np.int64), codes, shape)
        allowed = np.ones(shape, dtype=np.bool_)
        if not again:
            allowed[0, codes] = False
        (found,) = top_items(self.model.scores(history, np.zeros(1, dtype=np.int64)), allowed, most, self.takers)
        return found[found >= 0]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Everything that was learnt."""
        found: dict[str, NDArray[Any]] = {"takers": self.takers}
        match self.model:
            case ItemKnn(alike=alike):
                found |= {"alike/data": alike.data, "alike/column": alike.indices, "alike/start": alike.indptr}
            case LastCategory(category=category):
                found |= {"category": category}
            case ItemSequences(weights=weights, epochs=epochs):
                found |= {f"network/{name}": weights[name] for name in WEIGHTS} | {"epochs": np.array([epochs])}
            case _:
                pass
        return found

    def to_artifact(self) -> bytes:
        """safetensors, the names as JSON in the header. Equal models, equal bytes."""
        return FORMAT.pack(self.tensors(), {"name": self.name, "items": self.items, "least_grade": self.least_grade})

    @classmethod
    def from_artifact(cls, artifact: bytes) -> "NextItems":
        """The model of an artifact.

        Raises:
            ArtifactMismatch: the bytes are damaged, foreign, or of another format version.
        """
        tensors, about = FORMAT.unpack(artifact)
        try:
            model = _model(about["name"], tensors)
            return cls(about["name"], model, tuple(about["items"]), tensors["takers"], about["least_grade"])
        except (KeyError, TypeError, ValueError):
            raise FORMAT.foreign() from None


def _model(name: str, tensors: Tensors) -> NextItemModel:
    takers: FloatArray = tensors["takers"]
    if name == POPULARITY:
        return Popularity(takers)
    if name == LAST_CATEGORY:
        return LastCategory(takers, tensors["category"])
    if name == ITEM_KNN:
        cells = tuple(tensors[f"alike/{part}"] for part in ("data", "column", "start"))
        return ItemKnn(sparse.csr_matrix(cells, shape=(len(takers), len(takers))))
    if name == SEQUENCE:
        weights = {weight: tensors[f"network/{weight}"] for weight in WEIGHTS}
        return ItemSequences(weights, int(tensors["epochs"][0]))
    raise ValueError(name)
