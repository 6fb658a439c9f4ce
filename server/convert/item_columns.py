"""Candidate items as columns, checked column by column: an object with validators for each item would take longer than
ranking them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput, Violation
from farview.v1 import items_pb2 as pb
from ranking.scores import FloatArray
from server.convert.fields import MAX_AMOUNT, MAX_ID_LENGTH
from server.convert.parse import MAX_VIOLATIONS

PRICE, PROBABILITY = "price", "purchase_probability"
RELEVANCE = "relevance"  # what a learned ranker tells
DOWNSTREAM = "downstream_value"  # of showing an item, whether it is bought or the journey goes on
MAX_VALUE = 1e18


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """What is known of the items; row i is items[i] of the request."""

    messages: Sequence[pb.CandidateItem]
    ids: NDArray[Any]  # (items,) strings, as objects: numpy's own texts are made anew for every look
    values: Mapping[str, FloatArray]  # (items,) by name: price, purchase_probability (0 where not set), value_names
    completed: frozenset[str] = frozenset()  # names whose values a model or the catalogue told, NaN where it did not

    def of(self, name: str, reader: str) -> FloatArray:
        """The values of that name, shape (items,).

        Raises:
            InvalidInput: the first 50 items without it, which `reader` needs.
        """
        column = self.values[name]
        if name in self.completed:
            unknown = np.flatnonzero(np.isnan(column)).tolist()
            _refuse(Violation(f"items[{i}].{name}", f"is not set, nor known; {reader} needs it") for i in unknown)
        elif name in (PRICE, PROBABILITY):
            zeros = np.flatnonzero(column == 0).tolist()
            unset = [i for i in zeros if not self.messages[i].HasField(name)]  # type: ignore[arg-type]
            _refuse(Violation(f"items[{i}].{name}", f"is not set; {reader} needs it") for i in unset)
        return column

    def completed_by(self, told: Mapping[str, FloatArray]) -> "ItemColumns":
        """With what is told of items besides: a value that was sent counts more.

        Args:
            told: by name, shape (items,), NaN where it is not known.
        """
        values = dict(self.values)
        for name, column in told.items():
            if name in self.values:
                sent = np.array([message.HasField(name) for message in self.messages])  # type: ignore[arg-type]
                values[name] = np.where(sent, self.values[name], column)
            else:
                values[name] = column
        return ItemColumns(self.messages, self.ids, values, self.completed | told.keys())


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a ranker and the catalogue tell of items; each array of shape (items,)."""

    model_version: str  # "ranking/3"
    relevance_weight: float  # of the operating point: of relevance against price
    relevance: FloatArray  # only its order means something
    probability: FloatArray | None  # of a purchase when shown; None: the model tells none
    price: FloatArray  # reporting currency; NaN where the catalogue does not know the item
    going_on: Callable[[], float]  # expected value of the customer's journey if none of the items is bought; asked late


def item_columns(messages: Sequence[pb.CandidateItem], value_names: Sequence[str]) -> ItemColumns:
    """The columns of the items.

    Raises:
        InvalidInput: the first 50 wrong fields, as "items[3].price".
    """
    messages = list(messages)
    ids = [message.item_id for message in messages]
    rows = [(message.price, message.purchase_probability, *message.values[:]) for message in messages]
    names = (PRICE, PROBABILITY, *value_names)
    _refuse(chain(_odd_ids(ids), _odd_lengths(rows, names)))
    table = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * len(names)).reshape(len(rows), len(names))
    _refuse(_out_of_range(table))
    return ItemColumns(messages, np.array(ids, dtype=object), dict(zip(names, table.T, strict=True)))


def _odd_ids(ids: Sequence[str]) -> Iterator[Violation]:
    for i, item_id in enumerate(ids):
        if not item_id:
            yield Violation(f"items[{i}].item_id", "is empty; it must be set")
        elif len(item_id) > MAX_ID_LENGTH:
            yield Violation(f"items[{i}].item_id", f"has {len(item_id):,} characters; at most {MAX_ID_LENGTH}")
        elif "\0" in item_id:
            yield Violation(f"items[{i}].item_id", "contains the character U+0000, which cannot be stored")


def _odd_lengths(rows: Sequence[Sequence[float]], names: Sequence[str]) -> Iterator[Violation]:
    for i, row in enumerate(rows):
        if len(row) != len(names):
            sent, wanted = len(row) - 2, len(names) - 2
            yield Violation(f"items[{i}].values", f"has {sent} elements; value_names has {wanted} (send one for each)")


def _out_of_range(table: FloatArray) -> Iterator[Violation]:
    """Of a table (items, price and probability and values)."""
    values = table.shape[1] - 2
    least, most = np.array([0, 0] + values * [-MAX_VALUE]), np.array([MAX_AMOUNT, 1] + values * [MAX_VALUE])
    for i, k in np.argwhere(~((table >= least) & (table <= most))).tolist():  # NaN is neither
        field = (PRICE, PROBABILITY)[k] if k < 2 else f"values[{k - 2}]"
        yield Violation(
            f"items[{i}].{field}", f"is {table[i, k]:g}; it must be a number from {least[k]:,g} to {most[k]:,g}"
        )


def _refuse(violations: Iterator[Violation]) -> None:
    wrong = list(islice(violations, MAX_VIOLATIONS))
    if wrong:
        raise InvalidInput(*wrong)
