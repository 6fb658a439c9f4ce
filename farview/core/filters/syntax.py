"""What was written, with its places: the parser's output before names and values are checked."""

from dataclasses import dataclass
from typing import TypeAlias

from farview.core.errors import InvalidInput
from farview.core.filters.tree import Op


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a value. `position` counts characters of the filter from 1."""

    text: str
    position: int
    quoted: bool

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 40 else self.text[:37] + "..."
        return f'"{shown}"' if self.quoted else shown


@dataclass(frozen=True, slots=True)
class Restriction:
    """`field op value`."""

    field: Word
    op: Op
    value: Word


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Parts joined by AND."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    """Parts joined by OR."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT before a part."""

    part: "Expression"


Expression: TypeAlias = Restriction | Conjunction | Disjunction | Negation


def wrong(path: str, position: int, problem: str) -> InvalidInput:
    """The error of a filter that stands at `path`, at its `position`-th character."""
    return InvalidInput.of(path, f"position {position}: {problem}")
