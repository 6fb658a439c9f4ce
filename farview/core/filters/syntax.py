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
    """Parts joined by AND; nested ones are already flattened."""

    parts: tuple["Expression", ...]


Expression: TypeAlias = Restriction | Conjunction


def wrong(path: str, position: int, problem: str) -> InvalidInput:
    """The error of a filter that stands at `path`, at its `position`-th character."""
    return InvalidInput.of(path, f"position {position}: {problem}")
