"""Tables in memory: a frozen dataclass whose fields are arrays of one length along their first axis."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from farview.simulation.business import BoolArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What every such table can do."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: IntArray | BoolArray | slice) -> Self:
        """Those rows, in that order."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """All rows of all parts, in their order."""
        listed = list(parts)
        return cls(*(np.concatenate([getattr(part, field.name) for part in listed]) for field in fields(cls)))
