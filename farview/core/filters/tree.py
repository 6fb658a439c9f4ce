"""A checked filter: frozen nodes whose values already have the type of their field.

There is no node for NOT: `check` carries it down to the comparisons, which it turns round.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = str | float | date


class Op(StrEnum):
    """A comparator, as it is written."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="

    @property
    def opposite(self) -> "Op":
        """Holds of a known value where this one does not."""
        return _OPPOSITES[self]


_OPPOSITES = {Op.EQ: Op.NE, Op.NE: Op.EQ, Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows whose field is known and stands in relation `op` to `value`."""

    field: str
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class And:
    """Rows that all parts select; without parts, every row."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Rows that at least one part selects."""

    parts: tuple["Filter", ...]


Filter: TypeAlias = Comparison | And | Or

EVERYTHING = And(())


def field_names(tree: Filter) -> frozenset[str]:
    """The fields that a filter reads."""
    if isinstance(tree, Comparison):
        return frozenset((tree.field,))
    return frozenset[str]().union(*map(field_names, tree.parts))


def unparse(tree: Filter) -> str:
    """The filter as text that compiles to it again."""
    if isinstance(tree, Comparison):
        return f"{tree.field} {tree.op} {_literal(tree.value)}"
    if isinstance(tree, And):  # OR binds closer
        return " AND ".join(map(unparse, tree.parts))
    return " OR ".join(f"({unparse(part)})" if isinstance(part, And) else unparse(part) for part in tree.parts)


def _literal(value: Value) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f'"{value.isoformat()}"' if isinstance(value, date) else repr(value)
