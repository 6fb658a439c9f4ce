"""Scores of many candidates, block by block: what they need beside the scores does not grow with their number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranking.adjustments import Factor, Fatigue, adjusted
from ranking.contenders import uniforms
from ranking.floors import IntArray
from ranking.scores import UNIFORM, Columns, FloatArray, Score, Scored, ThompsonDraw

BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class CandidateScores:
    """How the candidates among a run's customers are scored."""

    kind: Score
    columns: Columns  # those that the kind reads, each (customers,)
    customer_ids: NDArray[Any]  # (customers,) strings
    candidates: IntArray  # (candidates,) places among the customers
    seed: int  # of draws
    factors: Sequence[Factor] = ()  # their members (candidates,)
    fatigue: Fatigue | None = None  # its contacts (customers,)
    contact_cost: float = 0.0

    def scores(self) -> FloatArray:
        """Of all candidates, shape (candidates,)."""
        found = np.empty(len(self.candidates))
        for start in range(0, len(found), BLOCK):
            some = slice(start, start + BLOCK)
            found[some] = self.of(some).score
        return found

    def of(self, some: slice | IntArray) -> Scored:
        """The score of some candidates, and its parts."""
        at = self.candidates[some]
        columns = {name: values[at] for name, values in self.columns.items()}
        if isinstance(self.kind, ThompsonDraw):
            columns[UNIFORM] = uniforms(self.customer_ids[at], self.seed)
        factors = [Factor(one.members[some], one.factor) for one in self.factors]
        fatigue = None if self.fatigue is None else replace(self.fatigue, contacts=self.fatigue.contacts[at])
        return adjusted(self.kind.of(columns), factors, fatigue, self.contact_cost)
