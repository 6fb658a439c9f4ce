"""Static attributes of customers as numbers: one encoding for training and for requests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.features.attributes import NUMBER, TEXT

Float32Array = NDArray[np.float32]

MOST_CATEGORIES = 50


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number, centred and scaled; null becomes the mean, 0."""

    name: str
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Categorical:
    """One column of 0 and 1 for each value; null and values never seen are all 0."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextEncoding:
    """How attributes become columns, in this order. The empty encoding knows no attribute."""

    numeric: tuple[Numeric, ...] = ()
    categorical: tuple[Categorical, ...] = ()

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return len(self.numeric) + sum(len(attribute.values) for attribute in self.categorical)

    @property
    def kinds(self) -> dict[str, pa.DataType]:
        """The attributes and the types to read them as; truths are categories, so text."""
        numbers = dict.fromkeys((attribute.name for attribute in self.numeric), NUMBER)
        return numbers | dict.fromkeys((attribute.name for attribute in self.categorical), TEXT)

    @classmethod
    def learn(cls, customers: pa.Table, names: Sequence[str]) -> Self:
        """The encoding of those attributes as these customers have them.

        Text and booleans are categories, the MOST_CATEGORIES most frequent ones (ties alphabetical) a column each;
        numbers are scaled by their mean and standard deviation.

        Raises:
            InvalidInput: there is no such attribute, or it is neither text, boolean nor number.
        """
        numeric, categorical = [], []
        for name in names:
            if name not in customers.column_names:
                raise InvalidInput.of(
                    name, f"customers have no such attribute (of {', '.join(customers.column_names)})"
                )
            column = customers[name]
            if _is_category(column.type):
                categorical.append(Categorical(name, _most_frequent(column)))
            elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
                numeric.append(Numeric(name, *_moments(column)))
            else:
                raise InvalidInput.of(name, f"is {column.type} (an attribute must be text, boolean or a number)")
        return cls(tuple(numeric), tuple(categorical))

    def encode(self, customers: pa.Table | None, customer_ids: Sequence[str]) -> Float32Array:
        """The encoded attributes of those customers, shape (len(customer_ids), width).

        A customer absent from the table, and an attribute absent from it, is encoded as null.
        """
        encoded = np.zeros((len(customer_ids), self.width), np.float32)
        if customers is None or self.width == 0 or len(customers) == 0:
            return encoded
        row = pc.index_in(pa.array(customer_ids, pa.string()), value_set=customers[c.CUSTOMER_ID].combine_chunks())
        known = customers.take(row)
        for column, numeric in enumerate(self.numeric):
            if numeric.name in known.column_names:
                figures = pc.cast(known[numeric.name], pa.float64()).to_numpy().astype(np.float64)
                encoded[:, column] = np.nan_to_num((figures - numeric.mean) / numeric.sd)
        first = len(self.numeric)
        for attribute in self.categorical:
            if attribute.name in known.column_names:
                position = pc.index_in(
                    pc.cast(known[attribute.name], pa.string()), value_set=pa.array(attribute.values)
                )
                rows = np.flatnonzero(pc.is_valid(position).to_numpy())
                encoded[rows, first + position.to_numpy()[rows].astype(np.int64)] = 1.0
            first += len(attribute.values)
        return encoded

    def as_data(self) -> dict[str, Any]:
        """JSON data that `from_data` turns back."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_data`."""
        return cls(
            tuple(Numeric(**numeric) for numeric in data["numeric"]),
            tuple(Categorical(item["name"], tuple(item["values"])) for item in data["categorical"]),
        )


def _is_category(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def _most_frequent(column: pa.ChunkedArray) -> tuple[str, ...]:
    counted = pc.value_counts(pc.drop_null(pc.cast(column, pa.string()))).to_pylist()
    ordered = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
    return tuple(sorted(entry["values"] for entry in ordered[:MOST_CATEGORIES]))


def _moments(column: pa.ChunkedArray) -> tuple[float, float]:
    figures = pc.cast(column, pa.float64())
    mean, sd = pc.mean(figures).as_py(), pc.stddev(figures).as_py()
    return (mean or 0.0, sd or 1.0)
