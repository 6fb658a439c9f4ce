"""Fills the slots of one list: by score where every floor stays safe, else earliest due first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ranking.floors import BoolArray, Guarantee, IntArray, exact_share

LOOK_AHEAD = 64
"""Slots beyond a list that goes on whose due placements are counted one by one; beyond them by their rate."""

_ROUNDING = 1e-6  # of sums that are whole numbers when the shares sum to 1


@dataclass(frozen=True, slots=True)
class Debts:
    """What a list has to pay, a row a guarantee.

    A list that is one of many looks ahead: what falls due at its next slots may need a slot of this one.
    """

    due: tuple[IntArray, ...]  # slots from 1 at which placements fall due, ascending; overdue ones below 1
    ahead: int  # slots beyond the list that `due` covers
    owed: NDArray[np.float64]  # (guarantees,) owed at the last of them by rate: not rounded down, may be below 0

    def without(self, j: int) -> "Debts":
        """The same without the guarantee j."""
        due = self.due[:j] + self.due[j + 1 :]
        return Debts(due, self.ahead, np.delete(self.owed, j))

    def filled(self, slots: int, members: BoolArray) -> "Filled":
        """See `fill`."""
        return fill(slots, members, self)


def debts(guarantees: Sequence[Guarantee], eligible: Sequence[int], slots: int, *, goes_on: bool) -> Debts:
    """What the guarantees are owed.

    A cohort with fewer eligible candidates than placements owed within the list is owed no more than it has: nothing
    else could be paid, and the other floors hold in full.

    Args:
        eligible: how many candidates each cohort has.
        goes_on: whether other lists follow this one.
    """
    ahead = LOOK_AHEAD if goes_on else 0
    due, owed = [], []
    for guarantee, members in zip(guarantees, eligible, strict=True):
        enough = goes_on and members >= min(guarantee.owed(slots), slots)
        due.append(guarantee.due(slots + ahead)[: None if enough else members])
        by_rate = exact_share(guarantee.share) * (guarantee.standing.slots + slots + ahead) - guarantee.standing.placed
        owed.append(float(by_rate) if enough else 0.0)
    return Debts(tuple(due), ahead, np.array(owed))


class Filled(NamedTuple):
    """Slot by slot: the contender placed, whether a floor forced it, and the cohorts whose due placement forced it."""

    chosen: IntArray  # (slots,)
    forced: BoolArray  # (slots,)
    owed_to: BoolArray  # (slots, guarantees)


def fill(slots: int, members: BoolArray, owing: Debts) -> Filled:
    """Places contenders.

    Args:
        slots: length of the list, at most the number of contenders.
        members: shape (contenders, guarantees), best contender first.
        owing: what has to be paid.
    """
    never = slots + owing.ahead + 1
    width = max([slots, *map(len, owing.due)]) + 1  # a member may be placed at every slot
    table = np.full((len(owing.due), width), never, dtype=np.int64)
    for row, slots_due in zip(table, owing.due, strict=True):
        row[: len(slots_due)] = slots_due
    return Filled(*_fill(slots, np.ascontiguousarray(members), table, never, owing.owed))


@njit(cache=True, nogil=True)
def _fill(slots, members, due, never, owed_by_rate):  # type: ignore[no-untyped-def]
    contenders, guarantees = members.shape
    chosen = np.empty(slots, np.int64)
    forced = np.zeros(slots, np.bool_)
    owed_to = np.zeros((slots, guarantees), np.bool_)
    placed = np.zeros(contenders, np.bool_)
    served = np.zeros(guarantees, np.int64)  # members placed so far, for whatever reason
    best = np.zeros(guarantees, np.int64)  # per cohort: every member before this contender is placed
    room = _empty_room(never - 1, due, never)
    top = 0
    for slot in range(slots):
        while placed[top]:
            top += 1
        pick = top
        _add(room, slot, -1)
        _serve(room, members[top], served, due, never, 1)
        if room[1, 1] < 0 or _late_beyond(never - 2 - slot, served, owed_by_rate):
            # With the best contender here, a placement would come too late: a floor takes the slot.
            _serve(room, members[top], served, due, never, -1)
            earliest = never
            for j in range(guarantees):
                while best[j] < contenders and (placed[best[j]] or not members[best[j], j]):
                    best[j] += 1
                if best[j] < contenders:
                    earliest = min(earliest, due[j, served[j]])
            pick = contenders
            for j in range(guarantees):
                if best[j] < contenders and due[j, served[j]] == earliest < never:
                    pick = min(pick, best[j])
            if pick == contenders:  # whoever is owed something has nobody left
                pick = top
            forced[slot] = pick != top
            for j in range(guarantees):
                owed_to[slot, j] = pick != top and members[pick, j] and due[j, served[j]] == earliest
            _serve(room, members[pick], served, due, never, 1)
        chosen[slot] = pick
        placed[pick] = True
    return chosen, forced, owed_to


@njit(cache=True, nogil=True)
def _late_beyond(left, served, owed_by_rate):  # type: ignore[no-untyped-def]
    """Whether more is owed at the last slot looked at, by rate, than the `left` slots up to it can take.

    By rate nothing is rounded down: where this holds not, what is owed later fits too, as shares sum to at most 1.
    """
    owed = 0.0
    for j in range(len(served)):
        owed += max(0.0, owed_by_rate[j] - served[j])
    return owed > left + _ROUNDING


@njit(cache=True, nogil=True)
def _empty_room(slots, due, never):  # type: ignore[no-untyped-def]
    """A tree over the slots whose prefix sums are (slots open up to n) - (placements still owed by n).

    Row 0 holds each node's sum, row 1 its lowest prefix sum; node 1 is the root, so room[1, 1] >= 0 says that all fits.
    """
    width = 1
    while width < slots:
        width *= 2
    room = np.zeros((2, 2 * width), np.int64)
    for slot in range(slots):
        _add(room, slot, 1)
    for j in range(len(due)):
        for slot in due[j]:
            if slot < never:
                _add(room, max(slot, 1) - 1, -1)
    return room


@njit(cache=True, nogil=True)
def _add(room, leaf, amount):  # type: ignore[no-untyped-def]
    node = leaf + room.shape[1] // 2
    room[0, node] += amount
    room[1, node] += amount
    node //= 2
    while node > 0:
        left = 2 * node
        room[0, node] = room[0, left] + room[0, left + 1]
        room[1, node] = min(room[1, left], room[0, left] + room[1, left + 1])
        node //= 2


@njit(cache=True, nogil=True)
def _serve(room, belongs, served, due, never, sign):  # type: ignore[no-untyped-def]
    """Takes off (sign 1) or puts back (sign -1) the earliest placement owed to each cohort of a contender."""
    for j in range(len(belongs)):
        if belongs[j]:
            if sign < 0:
                served[j] -= 1
            if due[j, served[j]] < never:
                _add(room, max(due[j, served[j]], 1) - 1, sign)
            if sign > 0:
                served[j] += 1
