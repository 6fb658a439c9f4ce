"""Rules of a plan that depend on when its touches come or on what they cost: can the plan still keep to them?

The instants of the positions are known before channels are chosen, so a cap in a rolling window is a cap on stretches
of positions, less what the history already holds. Such caps overlap in many ways, for which no matching is enough: a
channel is open when a depth-first search finds channels for all positions that the plan must still have.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]
FloatArray = NDArray[np.float64]

MOST_NODES = 200_000  # of one search; where it ends there, the rules are too entangled to be decided
YES, NO, UNDECIDED = 1, 0, -1
_ONE = np.uint64(1)


class TimedRules(NamedTuple):
    """R caps in rolling windows and the budget of one plan; C channels, L positions."""

    word: WordArray  # (R,) bit c: touches of channel c count
    most: IntArray  # (R,)
    first: IntArray  # (R, L) first position that lies in the window which ends at a position
    past: IntArray  # (R, L) touches of the history in that window
    cost: FloatArray  # (C,) of a touch
    budget: float  # of all touches together, infinite for none

    @property
    def binds(self) -> bool:
        """Whether there is any such rule."""
        return len(self.most) > 0 or self.budget < np.inf


@njit(cache=True, nogil=True)
def fits(rules: TimedRules, path: IntArray, position: int, channel: int, spent: float) -> bool:
    """Whether a channel at a position keeps to the rules after the channels before it.

    Args:
        rules: of the plan.
        path: channels of the positions before, shape (L,).
        position: from 0.
        channel: to be put there.
        spent: on the touches before.
    """
    if spent + rules.cost[channel] > rules.budget:
        return False
    for rule in range(len(rules.most)):
        if (rules.word[rule] >> np.uint64(channel)) & _ONE == np.uint64(0):
            continue
        count = rules.past[rule, position]
        for earlier in range(rules.first[rule, position], position):
            if (rules.word[rule] >> np.uint64(path[earlier])) & _ONE:
                count += 1
        if count >= rules.most[rule]:
            return False
    return True


@njit(cache=True, nogil=True)
def finishes(rules: TimedRules, allowed: WordArray, needed: int, left: IntArray, path: IntArray, position: int) -> int:
    """Whether channels can be found for the positions from `position` to `needed`: YES, NO, or UNDECIDED.

    Args:
        rules: of the plan.
        allowed: channels that may stand at each position, shape (L,) at least `needed`.
        needed: touches that the plan must have.
        left: touches of each channel that the caps of the whole plan leave, shape (C,); kept as it is.
        path: channels of the positions before, shape (L,); later entries are written over.
        position: from 0.
    """
    C = len(left)
    cheapest = _cheapest(rules, allowed, needed)
    spent = 0.0
    for earlier in range(position):
        spent += rules.cost[path[earlier]]
    room = left.copy()
    tried = np.zeros(needed + 1, np.int64)
    at, nodes = position, 0
    while at < needed:
        chosen = -1
        for channel in range(tried[at], C):
            nodes += 1
            open_here = (allowed[at] >> np.uint64(channel)) & _ONE != np.uint64(0) and room[channel] > 0
            in_budget = spent + rules.cost[channel] + cheapest[at + 1] <= rules.budget
            if open_here and in_budget and fits(rules, path, at, channel, spent):
                chosen = channel
                break
        if chosen >= 0:
            path[at] = chosen
            room[chosen] -= 1
            spent += rules.cost[chosen]
            tried[at] = chosen + 1
            at += 1
            tried[at] = 0
        elif at == position:
            return NO
        else:
            at -= 1
            room[path[at]] += 1
            spent -= rules.cost[path[at]]
        if nodes > MOST_NODES:
            return UNDECIDED
    return YES


@njit(cache=True, nogil=True)
def open_in_time(
    rules: TimedRules,
    allowed: WordArray,
    needed: int,
    left: IntArray,
    path: IntArray,
    position: int,
    word: np.uint64,
) -> np.uint64:
    """Those of the channels of `word` that may stand at `position` so that the plan can still be finished.

    An undecided channel is left out, so that no plan ever runs into a dead end. Arguments as those of `finishes`.
    """
    scratch, room = path.copy(), left.copy()
    spent = 0.0
    for earlier in range(position):
        spent += rules.cost[path[earlier]]
    kept = np.uint64(0)
    for channel in range(len(left)):
        if (word >> np.uint64(channel)) & _ONE == np.uint64(0) or not fits(rules, path, position, channel, spent):
            continue
        scratch[position] = channel
        room[channel] -= 1
        if position + 1 >= needed or finishes(rules, allowed, needed, room, scratch, position + 1) == YES:
            kept |= _ONE << np.uint64(channel)
        room[channel] += 1
    return kept


@njit(cache=True, nogil=True)
def _cheapest(rules: TimedRules, allowed: WordArray, needed: int) -> FloatArray:
    """Least cost of the positions from each on, shape (needed + 1,)."""
    total = np.zeros(needed + 1)
    for position in range(needed - 1, -1, -1):
        least = np.inf
        for channel in range(len(rules.cost)):
            if (allowed[position] >> np.uint64(channel)) & _ONE:
                least = min(least, rules.cost[channel])
        total[position] = total[position + 1] + least
    return total
