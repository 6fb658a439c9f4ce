"""Exposure floors: which placements are owed, when they are due, and whether they can all be met.

For every n and every guarantee with share f, at least floor(f n) of the first n customers belong to its cohort; so its
i-th placement is due at slot ceil(i / f). A list may go on where others ended: then the first n are counted from the
first of them, and its own slots from where it begins. Proofs stand in docs/exposure-guarantees.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput

BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.int64]

LARGEST_DENOMINATOR = 10**6
SHARE_ROUNDING = 1e-15
SUM_ROUNDING = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a guarantee stands where a list begins: in places, or in millionths of the first place's attention."""

    slots: int = 0  # filled before, in its window
    placed: int = 0  # of them counted for the cohort, less what it was owed when they began to be counted


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A promise that a cohort gets at least `share` of the slots, at every prefix of the list."""

    name: str
    share: float  # of slots, in (0, 1]
    members: BoolArray  # shape (candidates,): who belongs to the cohort
    standing: Standing = Standing()

    def owed(self, slots: int) -> int:
        """Placements owed by the end of the first `slots` slots of the list, debts from before among them."""
        return max(0, placements_owed(self.share, self.standing.slots + slots) - self.standing.placed)

    def due(self, slots: int) -> IntArray:
        """The slots of the list, from 1, at which placements fall due within the first `slots`; overdue ones below 1.

        Returns:
            Shape (at most owed(slots),), ascending; of more than slots + 1 overdue ones the first slots + 1.
        """
        first, last = self.standing.placed + 1, self.standing.placed + self.owed(slots)
        overdue = min(last, placements_owed(self.share, self.standing.slots)) - first + 1
        late = due_slots(self.share, first, min(last, first + slots) if overdue > slots + 1 else last)
        return late - self.standing.slots


@lru_cache(maxsize=1024)
def exact_share(share: float) -> Fraction:
    """The share as the number that was meant, so that floor(f n) never falls one short by rounding.

    A double within 1e-15 of a fraction with a denominator up to 10^6 is that fraction (.07 is 7/100 and 1/3 is a
    third; no two such fractions are that close), any other is its own exact binary value.
    """
    meant = Fraction(share).limit_denominator(LARGEST_DENOMINATOR)
    return meant if meant > 0 and abs(meant - Fraction(share)) <= SHARE_ROUNDING else Fraction(share)


def placements_owed(share: float, slots: int) -> int:
    """floor(f n): placements that the first `slots` slots owe to a guarantee."""
    exact = exact_share(share)
    return slots * exact.numerator // exact.denominator


def due_slots(share: float, first: int, last: int) -> IntArray:
    """ceil(i / f) for i from `first` to `last`: the slots, counted from 1, at which these placements fall due.

    Returns:
        Shape (last - first + 1,), ascending; 0 or less for placements from before the first slot.
    """
    exact = exact_share(share)
    p, q = exact.numerator, exact.denominator
    if q * (abs(last) + abs(first) + 1) < 2**62:
        return -(-np.arange(first, last + 1, dtype=np.int64) * q // p)
    return np.array([-(-i * q // p) for i in range(first, last + 1)], dtype=np.int64)


def check_guarantees(guarantees: Sequence[Guarantee], candidates: int) -> None:
    """Refuses what no list could be made of.

    Raises:
        InvalidInput: on `guarantees[i].share`, `.name` or `.members`.
    """
    names: set[str] = set()
    for index, guarantee in enumerate(guarantees):
        field = f"guarantees[{index}]"
        if not 0 < guarantee.share <= 1:
            raise InvalidInput.of(f"{field}.share", f"{guarantee.share} is not a share of slots; above 0 and at most 1")
        if guarantee.name in names:
            raise InvalidInput.of(
                f"{field}.name", f"{guarantee.name!r} is named twice; give each guarantee its own name"
            )
        if guarantee.members.shape != (candidates,):
            raise InvalidInput.of(f"{field}.members", f"marks {guarantee.members.shape} of {candidates} candidates")
        names.add(guarantee.name)


def obstacles(guarantees: Sequence[Guarantee], slots: int) -> tuple[str, ...]:
    """What keeps a list of `slots` from meeting every floor, in words, an irreducible cause each; empty when feasible.

    Feasible means: the shares sum to at most 1 and each cohort has a candidate for every placement owed within the
    list. Debts from before that exceed the list are no obstacle: they are paid as far as it goes.
    """
    found = list(overbooked(guarantees))
    for guarantee in guarantees:
        owed, eligible = min(guarantee.owed(slots), slots), int(np.count_nonzero(guarantee.members))
        if eligible < owed:
            found.append(f"{guarantee.name!r} has {eligible:,} eligible candidates of {owed:,} owed in {slots:,} slots")
    return tuple(found)


def overbooked(guarantees: Sequence[Guarantee]) -> tuple[str, ...]:
    """The one obstacle, in words, when shares sum to more than 1; empty when they do not."""
    crowd = _overbooked(guarantees)
    named = ", ".join(f"{g.name!r} ({g.share:g})" for g in crowd)
    total = float(sum(exact_share(g.share) for g in crowd))
    return (f"shares sum to {total:g}, above 1: {named}",) if crowd else ()


def _overbooked(guarantees: Sequence[Guarantee]) -> list[Guarantee]:
    """The fewest guarantees whose shares alone sum to more than 1 (taken largest first); none when all fit."""
    total, crowd = Fraction(0), []
    for guarantee in sorted(guarantees, key=lambda g: (-g.share, g.name)):
        total += exact_share(guarantee.share)
        crowd.append(guarantee)
        if total > 1 + SUM_ROUNDING:
            return crowd
    return []
