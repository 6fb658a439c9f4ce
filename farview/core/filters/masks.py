"""A filter over numpy columns."""

import operator
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core.filters.tree import And, Comparison, Filter, Op, Value

BoolArray: TypeAlias = NDArray[np.bool_]

_COMPARE: dict[Op, Callable[[Any, Any], Any]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def mask(tree: Filter, columns: Mapping[str, NDArray[Any]], rows: int) -> BoolArray:
    """The rows that a filter selects; a null never matches, not even by !=.

    Args:
        tree: a checked filter.
        columns: at least the fields it names, each shape (rows,). Strings as numpy strings or objects (null: None),
            numbers as any integer or float type (null: NaN), dates as datetime64 of days (null: NaT).
        rows: length of the columns, needed when the filter names none.

    Returns:
        Shape (rows,). Strings compare by Unicode code point, numbers exactly as 64-bit floats.
    """
    if isinstance(tree, Comparison):
        return _compare(columns[tree.field], tree)
    every = isinstance(tree, And)
    selected = np.full(rows, every)
    for part in tree.parts:
        (np.logical_and if every else np.logical_or)(selected, mask(part, columns, rows), out=selected)
    return selected


def _compare(column: NDArray[Any], tree: Comparison) -> BoolArray:
    compare = _COMPARE[tree.op]
    if column.dtype == object:
        known = operator.ne(column, None)
        matches = np.zeros(column.shape, dtype=np.bool_)
        matches[known] = compare(column[known], tree.value)
        return matches
    value = _scalar(tree.value)
    matches = np.asarray(compare(column, value), dtype=np.bool_)
    if column.dtype.kind in "fM" and tree.op is Op.NE:  # every other operator is false of NaN and NaT already
        matches &= column == column  # noqa: PLR0124
    return matches


def _scalar(value: Value) -> Any:
    """A plain float would be rounded to the width of a float32 column before the comparison; numpy's own is not."""
    if isinstance(value, date):
        return np.datetime64(value, "D")
    return np.float64(value) if isinstance(value, float) else value
