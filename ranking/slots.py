"""Fills the slots of one list: by score where every floor stays safe, else earliest due first."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from ranking.floors import BoolArray, IntArray


class Filled(NamedTuple):
    """Slot by slot: the contender placed, whether a floor forced it, and the cohorts whose due placement forced it."""

    chosen: IntArray  # (slots,)
    forced: BoolArray  # (slots,)
    owed_to: BoolArray  # (slots, guarantees)


def fill(slots: int, members: BoolArray, due: Sequence[IntArray]) -> Filled:
    """Places contenders.

    Args:
        slots: length of the list, at most the number of contenders.
        members: shape (contenders, guarantees), best contender first.
        due: per guarantee the slots, from 1, at which its placements fall due, ascending; no more than its members.
    """
    never = slots + 1
    table = np.full((len(due), slots + 1), never, dtype=np.int64)  # a member may be placed at every slot
    for row, slots_due in zip(table, due, strict=True):
        row[: len(slots_due)] = slots_due
    return Filled(*_fill(slots, np.ascontiguousarray(members), table))


@njit(cache=True, nogil=True)
def _fill(slots, members, due):  # type: ignore[no-untyped-def]
    contenders, guarantees = members.shape
    chosen = np.empty(slots, np.int64)
    forced = np.zeros(slots, np.bool_)
    owed_to = np.zeros((slots, guarantees), np.bool_)
    placed = np.zeros(contenders, np.bool_)
    served = np.zeros(guarantees, np.int64)  # members placed so far, for whatever reason
    best = np.zeros(guarantees, np.int64)  # per cohort: every member before this contender is placed
    room = _empty_room(slots, due)
    top = 0
    for slot in range(slots):
        while placed[top]:
            top += 1
        pick = top
        _add(room, slot, -1)
        _serve(room, members[top], served, due, 1)
        if room[1, 1] < 0:  # with the best contender here, a placement would come too late: a floor takes the slot
            _serve(room, members[top], served, due, -1)
            earliest = slots + 1
            for j in range(guarantees):
                earliest = min(earliest, due[j, served[j]])
            pick = contenders
            for j in range(guarantees):
                if due[j, served[j]] == earliest:
                    while placed[best[j]] or not members[best[j], j]:
                        best[j] += 1
                    pick = min(pick, best[j])
            forced[slot] = pick != top
            for j in range(guarantees):
                owed_to[slot, j] = pick != top and members[pick, j] and due[j, served[j]] == earliest
            _serve(room, members[pick], served, due, 1)
        chosen[slot] = pick
        placed[pick] = True
    return chosen, forced, owed_to


@njit(cache=True, nogil=True)
def _empty_room(slots, due):  # type: ignore[no-untyped-def]
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
            if slot <= slots:
                _add(room, slot - 1, -1)
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
def _serve(room, belongs, served, due, sign):  # type: ignore[no-untyped-def]
    """Takes off (sign 1) or puts back (sign -1) the earliest placement owed to each cohort of a contender."""
    for j in range(len(belongs)):
        if belongs[j]:
            if sign < 0:
                served[j] -= 1
            if due[j, served[j]] < due.shape[1]:
                _add(room, due[j, served[j]] - 1, sign)
            if sign > 0:
                served[j] += 1
