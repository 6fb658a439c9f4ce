"""Candidate items as columns, checked column by column: an object with validators for each item would take longer than
ranking them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core.errors import InvalidInput, Violation
from farview.v1 import items_pb2 as pb
from ranking.floors import BoolArray, IntArray
from ranking.scores import FloatArray
from server.convert.fields import MAX_AMOUNT, MAX_ID_LENGTH
from server.convert.item_wire import OWN_FIELDS, WireItems, read_items
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
    sent: Mapping[str, BoolArray]  # (items,) whether price and purchase_probability are set, by name
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
        elif name in self.sent and not self.sent[name].all():
            unset = np.flatnonzero(~self.sent[name]).tolist()
            _refuse(Violation(f"items[{i}].{name}", f"is not set; {reader} needs it") for i in unset)
        return column

    def completed_by(self, told: Mapping[str, FloatArray]) -> "ItemColumns":
        """With what is told of items besides: a value that was sent counts more.

        Args:
            told: by name, shape (items,), NaN where it is not known.
        """
        values = dict(self.values)
        for name, column in told.items():
            values[name] = np.where(self.sent[name], self.values[name], column) if name in self.sent else column
        return replace(self, values=values, completed=self.completed | told.keys())


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a ranker and the catalogue tell of items; each array of shape (items,)."""

    model_version: str  # "ranking/3"
    relevance_weight: float  # of the operating point: of relevance against price
    relevance: FloatArray  # only its order means something
    probability: FloatArray | None  # of a purchase when shown; None: the model tells none
    price: FloatArray  # reporting currency; NaN where the catalogue does not know the item
    going_on: Callable[[], float]  # expected value of the customer's journey if none of the items is bought; asked late


def item_columns(request: pb.RankItemsRequest, value_names: Sequence[str]) -> ItemColumns:
    """The columns of a request's items.

    Raises:
        InvalidInput: the first 50 wrong fields, as "items[3].price".
    """
    read = read_items(request, len(value_names))
    if not _as_asked(read.odd_ids, read.value_counts, read.numbers):
        _refuse(chain(_odd_ids(read), _odd_lengths(read, len(value_names))))
        _refuse(_out_of_range(read.numbers))
    values = dict(zip((PRICE, PROBABILITY, *value_names), read.numbers.T, strict=True))
    sent = dict(zip((PRICE, PROBABILITY), read.sent.T, strict=True))
    return ItemColumns(request.items, np.array(read.ids, dtype=object), values, sent)


def warm() -> None:
    """Compiles the kernels, or loads them from their cache, so that no caller waits for it."""
    item_columns(pb.RankItemsRequest(items=[pb.CandidateItem(item_id="anything")]), ())


@njit(cache=True, nogil=True)
def _as_asked(odd_ids: BoolArray, value_counts: IntArray, table: FloatArray) -> bool:
    """Whether nothing is to be refused: the searches that name what is wrong take longer than this."""
    items, columns = table.shape
    for i in range(items):
        if odd_ids[i] or value_counts[i] != columns - OWN_FIELDS:
            return False
        for k in range(columns):
            least, most = _range(k)
            if not least <= table[i, k] <= most:  # NaN is neither
                return False
    return True


@njit(cache=True, nogil=True)
def _range(column: int) -> tuple[float, float]:
    """The least and the most that a column may hold."""
    if column < OWN_FIELDS:
        return 0.0, (MAX_AMOUNT if column == 0 else 1.0)
    return -MAX_VALUE, MAX_VALUE


def _odd_ids(read: WireItems) -> Iterator[Violation]:
    for i in np.flatnonzero(read.odd_ids).tolist():
        item_id = read.ids[i]
        if not item_id:
            yield Violation(f"items[{i}].item_id", "is empty; it must be set")
        elif len(item_id) > MAX_ID_LENGTH:
            yield Violation(f"items[{i}].item_id", f"has {len(item_id):,} characters; at most {MAX_ID_LENGTH}")
        elif "\0" in item_id:
            yield Violation(f"items[{i}].item_id", "contains the character U+0000, which cannot be stored")


def _odd_lengths(read: WireItems, wanted: int) -> Iterator[Violation]:
    for i in np.flatnonzero(read.value_counts != wanted).tolist():
        sent = read.value_counts[i]
        yield Violation(f"items[{i}].values", f"has {sent} elements; value_names has {wanted} (send one for each)")


def _out_of_range(table: FloatArray) -> Iterator[Violation]:
    """Of a table (items, price and probability and values)."""
    least, most = np.array([_range(k) for k in range(table.shape[1])]).T
    inside = (table >= least) & (table <= most)  # NaN is neither
    for i, k in np.argwhere(~inside).tolist():
        field = (PRICE, PROBABILITY)[k] if k < OWN_FIELDS else f"values[{k - OWN_FIELDS}]"
        yield Violation(
            f"items[{i}].{field}", f"is {table[i, k]:g}; it must be a number from {least[k]:,g} to {most[k]:,g}"
        )


def _refuse(violations: Iterator[Violation]) -> None:
    wrong = list(islice(violations, MAX_VIOLATIONS))
    if wrong:
        raise InvalidInput(*wrong)
