"""Spells: how long something was watched, and whether it ended while watched."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spells:
    """Spells in any one unit of time, counted from each one's own beginning; each array has shape (spells,)."""

    entry: FloatArray  # age at which watching began: 0 from the beginning, later with delayed entry
    exit: FloatArray  # age at which it ended or was seen for the last time
    ended: BoolArray  # it ended at `exit`; else it went on (censored)

    def __post_init__(self) -> None:
        if not len(self.entry) == len(self.exit) == len(self.ended):
            raise InvalidInput.of("spells", "entry, exit and ended differ in length (send one of each for a spell)")
        good = np.isfinite(self.entry) & np.isfinite(self.exit) & (self.entry >= 0) & (self.entry < self.exit)
        if not good.all():
            first = int(np.argmin(good))
            raise InvalidInput.of(
                f"spells[{first}]",
                f"entry {self.entry[first]:g} and exit {self.exit[first]:g} are not 0 <= entry < exit (leave out what "
                "was never watched)",
            )

    @classmethod
    def watched_from_the_beginning(cls, duration: FloatArray, ended: BoolArray) -> "Spells":
        """Plain follow-up: no delayed entry."""
        return cls(np.zeros(len(duration)), duration, ended)

    def __len__(self) -> int:
        return len(self.exit)

    def since_entry(self) -> "Spells":
        """The same spells on the clock of how long they were watched."""
        return Spells.watched_from_the_beginning(self.exit - self.entry, self.ended)

    def take(self, rows: NDArray[np.int64] | BoolArray) -> "Spells":
        """Some of them, by position or mask."""
        return Spells(self.entry[rows], self.exit[rows], self.ended[rows])
