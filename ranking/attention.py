"""Exposure floors by attention: a place weighs by how likely it is looked at, and a floor is a share of that weight.

For every n, a cohort with share f has more than f W(n) - slack of the attention W(n) of the first n places. With equal
weights that is floor(f n) placements. A list may go on where others ended, and others may follow whose lengths nobody
knows: then W counts from the first of them. Proofs: docs/exposure-guarantees.md, "By attention".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit

from farview.core.attention import FIRST_PLACE
from ranking.floors import LARGEST_DENOMINATOR, BoolArray, Guarantee, IntArray, exact_share
from ranking.slots import Filled

_FURTHEST = 10**18  # of what is counted ahead or behind, so that sums stay below 2^63: a million first places at least
_NEVER = np.int64(2**62)


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
    """What a list owes: shares of attention, each less than one slack behind at every prefix."""

    attention: IntArray  # (slots + 1,) of the first n places: from 0, concave
    shares: tuple[Fraction, ...]  # denominators at most 10^6, so that products fit 64 bits
    slack: int
    ahead: tuple[int, ...]  # of its share, by lists before this one, times the denominator; below 0: behind
    goes_on: bool = False

    @classmethod
    def of(cls, guarantees: Sequence[Guarantee], attention: IntArray, *, goes_on: bool = False) -> "AttentionDebts":
        """Of floors that begin with this list, or, where it goes on, with their standing in millionths of attention."""
        meant = [exact_share(guarantee.share).limit_denominator(LARGEST_DENOMINATOR) for guarantee in guarantees]
        if not goes_on:
            return cls(attention, tuple(meant), _slack(max(meant, default=Fraction(0)), attention), (0,) * len(meant))
        before = [guarantee.standing for guarantee in guarantees]
        ahead = [f.denominator * at.placed - f.numerator * at.slots for f, at in zip(meant, before, strict=True)]
        bounded = tuple(min(max(one, -_FURTHEST), _FURTHEST) for one in ahead)
        return cls(attention, tuple(meant), FIRST_PLACE, bounded, goes_on=True)

    def without(self, j: int) -> "AttentionDebts":
        """The same without the guarantee j."""
        others, ahead = self.shares[:j] + self.shares[j + 1 :], self.ahead[:j] + self.ahead[j + 1 :]
        slack = self.slack if self.goes_on else _slack(max(others, default=Fraction(0)), self.attention)
        return AttentionDebts(self.attention, others, slack, ahead, self.goes_on)

    def fewest(self, j: int) -> int:
        """The fewest placements that can keep floor j: all of them at the first places."""
        return self._covering(self.attention, self._owed(j, int(self.attention[-1])))

    def overdue(self, j: int) -> int:
        """The fewest that pay what is due to floor j when the list begins."""
        return self._covering(self.attention, self._owed(j, 0))

    def enough(self, j: int) -> int:
        """So many members of cohort j are enough, whoever else is a candidate: fewest() when places weigh alike.

        Where lists follow, what falls due in them may ask for a member at every place.
        """
        if self.goes_on:
            return len(self.attention) - 1
        return self._covering(self.attention[-1] - self.attention[::-1], self._owed(j, int(self.attention[-1])))

    def filled(self, slots: int, members: BoolArray) -> Filled:
        """Places contenders, best first; `members` is (contenders, guarantees). See ranking.slots.fill."""
        p = np.array([share.numerator for share in self.shares], dtype=np.int64)
        q = np.array([share.denominator for share in self.shares], dtype=np.int64)
        owing = p, q, np.array(self.ahead, dtype=np.int64), self.slack, self.goes_on
        return Filled(*_fill(self.attention[: slots + 1], np.ascontiguousarray(members), owing))

    def kept(self, j: int, belongs: BoolArray) -> Kept:
        """Counts a finished list against floor j; `belongs` (slots,) marks the cohort."""
        share, of_cohort = self.shares[j], np.cumsum(np.diff(self.attention) * belongs)
        owed = (self.attention[1:] * share.numerator - self.ahead[j]) // share.denominator - self.slack
        missing = owed + 1 - of_cohort
        short = np.flatnonzero(missing > 0)
        promised = share * int(self.attention[-1]) - Fraction(self.ahead[j], share.denominator) - self.slack
        return Kept(
            promised=max(0.0, float(promised) / FIRST_PLACE),
            kept=int(of_cohort[-1]) / FIRST_PLACE if len(of_cohort) else 0.0,
            total=int(self.attention[-1]) / FIRST_PLACE,
            shortfall=int(missing[short].max(initial=0)) / FIRST_PLACE,
            first_short_slot=int(short[0]) + 1 if len(short) else None,
            enough=self.enough(j),
        )

    def _owed(self, j: int, attention: int) -> int:
        """What the cohort's attention has to exceed once so much was given; below 0: nothing."""
        share = self.shares[j]
        return (attention * share.numerator - self.ahead[j]) // share.denominator - self.slack

    def _covering(self, sums: IntArray, owed: int) -> int:
        """The fewest places whose sum is above what is owed; all of them where none is."""
        return min(int(np.searchsorted(sums, owed, side="right")), len(sums) - 1)


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
def _fill(attention, members, owing):  # type: ignore[no-untyped-def]
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
        due = _due(attention, members, placed, best, had, owing)
        placed[top] = True
        had += weight * members[top]
        with_top = _due(attention, members, placed, best.copy(), had, owing)
        if not _safe(slot + 1, attention, with_top, had, owing):
            # With the best contender here a cohort would fall too far behind: a floor takes the slot.
            placed[top] = False
            had -= weight * members[top]
            pick, earliest = len(members), _NEVER
            for j in range(guarantees):
                earliest = min(earliest, due[j])
            for j in range(guarantees):
                if due[j] == earliest < _NEVER:
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
def _due(attention, members, placed, best, had, owing):  # type: ignore[no-untyped-def]
    """When each cohort, given nothing more, is one slack behind; _NEVER also where nobody of it is left.

    In places of this list, or, where others follow, in attention from the beginning of this one.
    """
    p, q, ahead, slack, goes_on = owing
    due = np.full(len(p), _NEVER, np.int64)
    for j in range(len(p)):
        while best[j] < len(members) and (placed[best[j]] or not members[best[j], j]):
            best[j] += 1
        if best[j] == len(members):
            continue
        owed = q[j] * (had[j] + slack) + ahead[j]
        if goes_on:
            due[j] = -(-owed // p[j])
            continue
        low, high = 0, len(attention)
        while low < high:
            middle = (low + high) // 2
            if attention[middle] * p[j] >= owed:
                high = middle
            else:
                low = middle + 1
        due[j] = low if low < len(attention) else _NEVER
    return due


@njit(cache=True, nogil=True)
def _safe(t, attention, due, had, owing):  # type: ignore[no-untyped-def]
    """Whether, after t places, what cohorts are behind by whenever one falls due fits into the attention until then.

    It need be looked at only where a further cohort falls behind: between them the demand grows no faster than what is
    given. A placement may give more than is owed: less than a first place in lists that nobody knows yet.
    """
    p, q, ahead, slack, goes_on = owing
    given = attention[t]
    for moment in due:
        if moment == _NEVER:
            continue
        behind, after = 0, given
        for one in due:
            behind += one <= moment
        if goes_on:
            at = max(moment, given)
            after += (behind - 1) * slack
        else:
            at = attention[moment]
            after = attention[max(min(t + behind - 1, moment), t)]
        demand = after - given
        for j in range(len(due)):
            if due[j] <= moment:
                demand += _share(at, p[j], q[j], ahead[j]) - had[j] - slack
        if demand >= at - given:
            return False
    return True


@njit(cache=True, nogil=True)
def _share(attention, p, q, ahead):  # type: ignore[no-untyped-def]
    """(p attention - ahead) / q rounded up, without the product, which may be too large."""
    return attention // q * p - (ahead - attention % q * p) // q
