"""Candidate items as columns, checked column by column: an object with validators for each item would take longer than
ranking them."""

from collections.abc import Iterator, Mapping, Sequence
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
MAX_VALUE = 1e18


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """What is known of the items; row i is items[i] of the request."""

    messages: Sequence[pb.CandidateItem]
    ids: NDArray[Any]  # (items,) strings
    values: Mapping[str, FloatArray]  # (items,) by name: price, purchase_probability (0 where not set), value_names

    def of(self, name: str, reader: str) -> FloatArray:
        """The values of that name, shape (items,).

        Raises:
            InvalidInput: the first 50 items without it, which `reader` needs.
        """
        column = self.values[name]
        if name in (PRICE, PROBABILITY):
            zeros = np.flatnonzero(column == 0).tolist()
            unset = [i for i in zeros if not self.messages[i].HasField(name)]  # type: ignore[arg-type]
            _refuse(Violation(f"items[{i}].{name}", f"is not set; {reader} needs it") for i in unset)
        return column


def item_columns(messages: Sequence[pb.CandidateItem], value_names: Sequence[str]) -> ItemColumns:
    """The columns of the items.

    Raises:
        InvalidInput: the first 50 wrong fields, as "items[3].price".
    """
    messages = list(messages)
    ids = [message.item_id for message in messages]
    rows = [message.values[:] for message in messages]
    _refuse(chain(_odd_ids(ids), _odd_lengths(rows, len(value_names))))
    price = np.array([message.price for message in messages])
    probability = np.array([message.purchase_probability for message in messages])
    values = np.array(rows).reshape(len(rows), len(value_names))
    _refuse(
        chain(
            _outside(PRICE, price, 0, MAX_AMOUNT),
            _outside(PROBABILITY, probability, 0, 1),
            *(_outside(f"values[{k}]", column, -MAX_VALUE, MAX_VALUE) for k, column in enumerate(values.T)),
        )
    )
    named = dict(zip(value_names, values.T, strict=True))
    return ItemColumns(messages, np.array(ids), {PRICE: price, PROBABILITY: probability, **named})


def _odd_ids(ids: Sequence[str]) -> Iterator[Violation]:
    for i, item_id in enumerate(ids):
        if not item_id:
            yield Violation(f"items[{i}].item_id", "is empty; it must be set")
        elif len(item_id) > MAX_ID_LENGTH:
            yield Violation(f"items[{i}].item_id", f"has {len(item_id):,} characters; at most {MAX_ID_LENGTH}")
        elif "\0" in item_id:
            yield Violation(f"items[{i}].item_id", "contains the character U+0000, which cannot be stored")


def _odd_lengths(rows: Sequence[Sequence[float]], names: int) -> Iterator[Violation]:
    for i, row in enumerate(rows):
        if len(row) != names:
            yield Violation(
                f"items[{i}].values", f"has {len(row)} elements; value_names has {names} (send one for each)"
            )


def _outside(field: str, column: FloatArray, least: float, most: float) -> Iterator[Violation]:
    for i in np.flatnonzero(~((column >= least) & (column <= most))).tolist():  # NaN is neither
        yield Violation(f"items[{i}].{field}", f"is {column[i]:g}; it must be a number from {least:,} to {most:,}")


def _refuse(violations: Iterator[Violation]) -> None:
    wrong = list(islice(violations, MAX_VIOLATIONS))
    if wrong:
        raise InvalidInput(*wrong)
