"""A filter over SQL columns; selects the rows that `farview.core.filters.mask` selects."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, collate, false, or_, true

from farview.core.filters import And, Comparison, Filter, Op

_COMPARE: dict[Op, Callable[[Any, Any], ColumnElement[bool]]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}
_CODE_POINT_ORDER = {"postgresql": "C", "sqlite": "BINARY"}


def condition(tree: Filter, columns: Mapping[str, ColumnElement[Any]], dialect: str) -> ColumnElement[bool]:
    """The WHERE condition of a filter.

    Args:
        tree: a checked filter.
        columns: at least the fields it names.
        dialect: `engine.dialect.name`, "sqlite" or "postgresql"; each names the code point order in its own way.
    """
    if isinstance(tree, Comparison):
        return _compare(columns[tree.field], tree, dialect)
    parts = (condition(part, columns, dialect) for part in tree.parts)
    return and_(true(), *parts) if isinstance(tree, And) else or_(false(), *parts)


def _compare(column: ColumnElement[Any], tree: Comparison, dialect: str) -> ColumnElement[bool]:
    compare = _COMPARE[tree.op]
    if isinstance(tree.value, str):
        # Equality is bytewise under every deterministic collation, and left bare it can use the column's index.
        if tree.op in (Op.EQ, Op.NE):
            return compare(column, tree.value)
        return compare(collate(column, _CODE_POINT_ORDER[dialect]), tree.value)
    if isinstance(column.type, Float) and tree.op in (Op.NE, Op.GT, Op.GE):
        # PostgreSQL sorts NaN above infinity and equal to itself; to a filter it is a null.
        return and_(compare(column, tree.value), column <= math.inf)
    return compare(column, tree.value)
