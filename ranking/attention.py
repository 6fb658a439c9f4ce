"""Exposure floors by attention: a place weighs by how likely it is looked at, and a floor is a share of that weight.

For every n, a cohort with share f has more than f W(n) - slack of the attention W(n) of the first n places. With equal
weights that is floor(f n) placements. Proof: docs/exposure-guarantees.md, "By attention".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit

from ranking.floors import LARGEST_DENOMINATOR, BoolArray, Guarantee, IntArray, exact_share
from ranking.slots import Filled

FIRST_PLACE = 10**6
"""The weight of the first place: weights are whole millionths of it, so that all sums are exact."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How a cohort fared, in units of the first place's attention."""

    promised: float  # the cohort's attention is above this by the end of the list; 0: nothing is promised
    kept: float
    total: float  # of all places
    shortfall: float  # most attention missing at any prefix; 0 when the floor holds
    first_short_slot: int | None
    enough: int  # so many members of the cohort are enough, whoever else is a candidate


def logarithmic(slots: int) -> IntArray:
    """Attention of the first n places, for n from 0 to `slots`, in FIRST_PLACE: the sums of 1 / log2(1 + place).

    Source: the discount of NDCG (Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418), as exposure in
    Singh and Joachims 2018, "Fairness of Exposure in Rankings", https://doi.org/10.1145/3219819.3220088.
    """
    weights = np.rint(FIRST_PLACE / np.log2(np.arange(2, slots + 2))).astype(np.int64)
    return np.concatenate([[0], np.cumsum(weights)])


@dataclass(frozen=True, slots=True)
class AttentionDebts:
    """What a list owes: shares of its attention, each less than one slack behind at every prefix."""

    attention: IntArray  # (slots + 1,) of the first n places: from 0, concave
    shares: tuple[Fraction, ...]  # denominators at most 10^6, so that products fit 64 bits
    slack: int

    @classmethod
    def of(cls, guarantees: Sequence[Guarantee], attention: IntArray) -> "AttentionDebts":
        """Of floors that begin with this list."""
        meant = [exact_share(guarantee.share).limit_denominator(LARGEST_DENOMINATOR) for guarantee in guarantees]
        return cls(attention, tuple(meant), _slack(max(meant, default=Fraction(0)), attention))

    def without(self, j: int) -> "AttentionDebts":
        """The same without the guarantee j."""
        others = self.shares[:j] + self.shares[j + 1 :]
        return AttentionDebts(self.attention, others, _slack(max(others, default=Fraction(0)), self.attention))

    def fewest(self, j: int) -> int:
        """The fewest placements that can keep floor j: all of them at the first places."""
        return int(np.searchsorted(self.attention, self._owed_at_end(j), side="right"))

    def enough(self, j: int) -> int:
        """So many members of cohort j are enough, whoever else is a candidate: fewest() when places weigh alike."""
        last_places = self.attention[-1] - self.attention[::-1]
        return int(np.searchsorted(last_places, self._owed_at_end(j), side="right"))

    def filled(self, slots: int, members: BoolArray) -> Filled:
        """Places contenders, best first; `members` is (contenders, guarantees). See ranking.slots.fill."""
        p = np.array([share.numerator for share in self.shares], dtype=np.int64)
        q = np.array([share.denominator for share in self.shares], dtype=np.int64)
        return Filled(*_fill(self.attention[: slots + 1], np.ascontiguousarray(members), p, q, self.slack))

    def kept(self, j: int, belongs: BoolArray) -> Kept:
        """Counts a finished list against floor j; `belongs` (slots,) marks the cohort."""
        share, of_cohort = self.shares[j], np.cumsum(np.diff(self.attention) * belongs)
        missing = self.attention[1:] * share.numerator // share.denominator - self.slack + 1 - of_cohort
        short = np.flatnonzero(missing > 0)
        return Kept(
            promised=max(0.0, float(share * int(self.attention[-1]) - self.slack) / FIRST_PLACE),
            kept=int(of_cohort[-1]) / FIRST_PLACE if len(of_cohort) else 0.0,
            total=int(self.attention[-1]) / FIRST_PLACE,
            shortfall=int(missing[short].max(initial=0)) / FIRST_PLACE,
            first_short_slot=int(short[0]) + 1 if len(short) else None,
            enough=self.enough(j),
        )

    def _owed_at_end(self, j: int) -> int:
        """What the cohort's attention has to exceed at the end of the list; below 0: nothing."""
        share = self.shares[j]
        return int(self.attention[-1]) * share.numerator // share.denominator - self.slack


def _slack(largest: Fraction, attention: IntArray) -> int:
    """f W(1 / f) of the largest share f, W linear between places: the mean weight of the first 1 / f places.

    That share's first placement is due where it is by count, at ceil(1 / f). Where the list ends before, none is due.
    """
    slots = len(attention) - 1
    if largest * slots < 1:
        return int(largest * int(attention[-1])) + 1
    places, rest = divmod(largest.denominator, largest.numerator)
    between = int(attention[places + 1] - attention[places]) * Fraction(rest, largest.numerator) if rest else 0
    mean = largest * (int(attention[places]) + between)
    return -(-mean.numerator // mean.denominator)


@njit(cache=True, nogil=True)
def _fill(attention, members, p, q, slack):  # type: ignore[no-untyped-def]
    slots, guarantees = len(attention) - 1, members.shape[1]
    chosen = np.empty(slots, np.int64)
    forced = np.zeros(slots, np.bool_)
    owed_to = np.zeros((slots, guarantees), np.bool_)
    placed = np.zeros(len(members), np.bool_)
    had = np.zeros(guarantees, np.int64)  # attention of each cohort so far
    best = np.zeros(guarantees, np.int64)  # per cohort: every member before this contender is placed
    top = 0
    for slot in range(slots):
        while placed[top]:
            top += 1
        pick, weight = top, attention[slot + 1] - attention[slot]
        due = _due(attention, members, placed, best, had, p, q, slack)
        placed[top] = True
        had += weight * members[top]
        with_top = _due(attention, members, placed, best.copy(), had, p, q, slack)
        if not _safe(slot + 1, attention, with_top, had, p, q, slack):
            # With the best contender here a cohort would fall too far behind: a floor takes the slot.
            placed[top] = False
            had -= weight * members[top]
            pick, earliest = len(members), slots + 1
            for j in range(guarantees):
                earliest = min(earliest, due[j])
            for j in range(guarantees):
                if due[j] == earliest <= slots:
                    pick = min(pick, best[j])
            if pick == len(members):
                pick = top
            forced[slot] = pick != top
            for j in range(guarantees):
                owed_to[slot, j] = pick != top and members[pick, j] and due[j] == earliest
            placed[pick] = True
            had += weight * members[pick]
        chosen[slot] = pick
    return chosen, forced, owed_to


@njit(cache=True, nogil=True)
def _due(attention, members, placed, best, had, p, q, slack):  # type: ignore[no-untyped-def]
    """The first n at which each cohort, given nothing more, is one slack behind; slots + 1: never, or nobody left."""
    due = np.full(len(p), len(attention), np.int64)
    for j in range(len(p)):
        while best[j] < len(members) and (placed[best[j]] or not members[best[j], j]):
            best[j] += 1
        if best[j] < len(members):
            low, high = 0, len(attention)
            while low < high:
                middle = (low + high) // 2
                if attention[middle] * p[j] >= q[j] * (had[j] + slack):
                    high = middle
                else:
                    low = middle + 1
            due[j] = low
    return due


@njit(cache=True, nogil=True)
def _safe(t, attention, due, had, p, q, slack):  # type: ignore[no-untyped-def]
    """Whether, after t places, for every later n what cohorts are behind by then fits into the attention left up to n.

    It need be looked at only where a further cohort falls behind: between them the demand grows no faster than W(n).
    """
    for n in due:
        if n >= len(attention):
            continue
        demand, behind = np.int64(0), 0
        for j in range(len(due)):
            if due[j] <= n:
                demand += -(-attention[n] * p[j] // q[j]) - had[j] - slack
                behind += 1
        overshoot = attention[min(t + behind - 1, n)] - attention[t] if n > t else 0
        if demand + overshoot >= attention[n] - attention[t]:
            return False
    return True
