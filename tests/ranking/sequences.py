"""Sequences of lists whose slots are counted together, and a checker that shares no code with the rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

import numpy as np

from ranking.contenders import Contest
from ranking.floors import Guarantee, Standing
from ranking.prioritize import Audience, OnShortfall, place
from tests.ranking.requests import random_shares


@dataclass(frozen=True, slots=True)
class Call:
    """One list of a sequence: its candidates, best first or not, and how many of them are asked for."""

    capacity: int
    scores: np.ndarray
    membership: np.ndarray  # (cohorts, candidates)


@dataclass(slots=True)
class Window:
    """What was placed so far: one row a slot, which cohorts it counts for."""

    shares: Sequence[Fraction]
    counted: list[np.ndarray] = field(default_factory=list)

    def guarantees(self, call: Call) -> list[Guarantee]:
        placed = np.sum(self.counted, axis=0, dtype=int) if self.counted else np.zeros(len(self.shares), int)
        return [
            Guarantee(f"g{j}", float(share), call.membership[j], Standing(len(self.counted), int(placed[j])))
            for j, share in enumerate(self.shares)
        ]

    def ask(self, call: Call, seed: int = 0) -> Audience:
        ids = np.array([f"c{i}" for i in range(len(call.scores))], dtype=object)
        guarantees = self.guarantees(call)
        contest = Contest(ids, call.scores, call.capacity, [g.members for g in guarantees], seed)
        audience = place(contest, guarantees, on_shortfall=OnShortfall.REPORT, goes_on=True)
        self.counted.extend(call.membership.T[audience.candidates])
        return audience

    def missed(self) -> list[tuple[int, int]]:
        """(cohort, n) for which fewer than floor(f n) of the first n slots count for the cohort."""
        found = []
        counts = np.cumsum(self.counted, axis=0) if self.counted else np.zeros((0, len(self.shares)))
        for j, share in enumerate(self.shares):
            found += [(j, n) for n, count in enumerate(counts[:, j], start=1) if count < floor(share * n)]
        return found


def random_calls(rng: np.random.Generator, *, plenty: bool) -> tuple[list[Fraction], list[Call]]:
    """2 to 8 calls for 1 to 12 slots each. `plenty`: each cohort has a member for every slot of every call.

    Half of the time nobody of a cohort scores as high as anybody else, so that every placement is a floor's; and the
    sizes of the calls are mostly the worst there are: one slot at a time, or one just before a due slot.
    """
    cohorts = int(rng.integers(1, 5))
    shares = random_shares(cohorts, rng)
    while sum(shares) > 1:
        shares = random_shares(cohorts, rng)
    hostile, overlapping = rng.random(2) < 0.5
    sizes = rng.choice([np.ones(8, int), rng.integers(1, 13, 8), np.array([1, 12, 1, 1, 7, 1, 2, 3])])
    calls = []
    for capacity in sizes[: int(rng.integers(2, 9))]:
        members = int(capacity) if plenty else int(rng.integers(0, capacity + 1))
        candidates = cohorts * members + int(capacity)
        membership = np.zeros((cohorts, candidates), dtype=np.bool_)
        for j in range(cohorts):
            membership[j, j * members : (j + 1) * members] = True
        if overlapping:
            membership |= rng.random(membership.shape) < 0.1
        scores = rng.random(candidates)
        calls.append(Call(int(capacity), scores - 2.0 * membership.any(axis=0) if hostile else scores, membership))
    return shares, calls
