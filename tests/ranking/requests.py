"""Random requests with floors, and a checker of their answers that shares no code with what it checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from ranking.floors import Guarantee
from ranking.prioritize import Audience


@dataclass(frozen=True, slots=True)
class Request:
    ids: list[str]
    scores: list[float]
    capacity: int
    shares: list[Fraction]
    cohorts: list[list[int]]  # places of the members among the ids

    def guarantees(self) -> list[Guarantee]:
        """The request as `prioritize` takes it: shares as doubles, cohorts as masks."""
        found = []
        for number, (share, cohort) in enumerate(zip(self.shares, self.cohorts, strict=True)):
            members = np.zeros(len(self.ids), dtype=np.bool_)
            members[cohort] = True
            found.append(Guarantee(f"g{number}", float(share), members))
        return found

    @property
    def slots(self) -> int:
        return min(self.capacity, len(self.ids))

    def feasible(self) -> bool:
        """Shares sum to at most 1, and each cohort has floor(f slots) candidates."""
        enough = all(len(c) >= floor(f * self.slots) for f, c in zip(self.shares, self.cohorts, strict=True))
        return sum(self.shares) <= 1 and enough


def random_request(rng: np.random.Generator) -> Request:
    """1 to 4 overlapping cohorts of up to 60 candidates; about two thirds of the requests are feasible."""
    customers = int(rng.integers(1, 61))
    cohorts = int(rng.integers(1, 5))
    scores = rng.choice([rng.gamma(0.3, 100, customers), rng.integers(0, 4, customers).astype(float)])
    membership = rng.random((cohorts, customers)) < rng.choice([0.1, 0.5, 0.9], size=(cohorts, 1))
    if rng.random() < 0.5:  # members that nobody would choose by score make floors bind
        scores = np.where(membership.any(axis=0), scores / 10, scores)
    return Request(
        ids=[f"customer {number}" for number in rng.permutation(customers)],
        scores=[float(value) for value in scores],
        capacity=int(rng.integers(1, customers + 4)),
        shares=random_shares(cohorts, rng),
        cohorts=[np.flatnonzero(row).tolist() for row in membership],
    )


def random_shares(cohorts: int, rng: np.random.Generator) -> list[Fraction]:
    """A share for each cohort; of four kinds, only the last may sum to more than 1."""
    kind = rng.integers(4)
    if kind == 0:  # parts of a whole, all given away
        whole = int(rng.integers(cohorts, 13))
        cuts = np.sort(rng.choice(np.arange(1, whole), cohorts - 1, replace=False)) if whole > 1 else np.empty(0, int)
        return [Fraction(int(part), whole) for part in np.diff([0, *cuts, whole])]
    if kind == 1:  # percentages that fit
        left, shares = 100, []
        for remaining in range(cohorts, 0, -1):
            share = int(rng.integers(1, left - remaining + 2))
            left -= share
            shares.append(Fraction(share, 100))
        return shares
    if kind == 2:  # any doubles that fit
        return [Fraction(float(share)) for share in rng.dirichlet(np.ones(cohorts)) * rng.uniform(0.3, 0.999)]
    return [Fraction(int(rng.integers(1, 60)), 100) for _ in range(cohorts)]  # may overbook


def short_prefixes(request: Request, order: Sequence[int]) -> list[tuple[int, int]]:
    """(cohort, n) for which fewer than floor(f n) of the first n belong to the cohort."""
    found = []
    for number, (share, cohort) in enumerate(zip(request.shares, request.cohorts, strict=True)):
        belongs, count = set(cohort), 0
        for n, candidate in enumerate(order, start=1):
            count += candidate in belongs
            if count < floor(share * n):
                found.append((number, n))
    return found


def fits(request: Request, placed: Sequence[int]) -> bool:
    """Whether after these placements all that is owed by any later n, over all cohorts, fits in the slots left."""
    counts = [len(set(cohort) & set(placed)) for cohort in request.cohorts]
    return all(
        sum(max(0, floor(f * n) - c) for f, c in zip(request.shares, counts, strict=True)) <= n - len(placed)
        for n in range(len(placed), request.slots + 1)
    )


def order_of(audience: Audience) -> list[int]:
    return [int(place) for place in audience.candidates]
