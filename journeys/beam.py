"""The inner loops of the planner: which channels are open, which plans go on. No customer's depend on another's."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core.vectors import copy_into
from journeys.feasibility import IntArray, WordArray, open_channels, take_channel
from journeys.timed import TimedRules, open_in_time

FloatArray = NDArray[np.float64]


class Rules(NamedTuple):
    """The compiled constraints of n customers, padded to the longest plan."""

    allowed: WordArray  # (n, L) 0 beyond a customer's longest plan
    needed: IntArray  # (n,) fewest touches
    word: WordArray  # (n, R) of TimedRules, here and below; 0 where a customer has fewer
    most: IntArray  # (n, R)
    first: IntArray  # (n, R, L)
    past: IntArray  # (n, R, L)
    cost: FloatArray  # (n, C)
    budget: FloatArray  # (n,)


class Prices(NamedTuple):
    """What touches cost and conversions bring, business currency."""

    worth: FloatArray  # (n,) of a conversion
    cost: FloatArray  # (n, C) of a touch that is sent, its length cost included
    ahead: FloatArray  # (n, L + 1) most that any touches from a position on may add, given no conversion before


class Beams(NamedTuple):
    """Up to B partial plans of each of n customers, the most promising first."""

    alive: NDArray[np.bool_]  # (n, B)
    left: IntArray  # (n, B, C) touches that the caps leave
    matching: IntArray  # (n, B, L) of the positions still needed; see feasibility
    survival: FloatArray  # (n, B) probability of no conversion so far
    value: FloatArray  # (n, B) expected worth less cost so far
    path: IntArray  # (n, B, L) channels, -1 where not planned yet
    logit: FloatArray  # (n, B, L) uncalibrated hazard of each touch

    @classmethod
    def empty(cls, n: int, B: int, C: int, L: int) -> "Beams":
        """No plan at all."""
        return cls(
            np.zeros((n, B), np.bool_),
            np.zeros((n, B, C), np.int64),
            np.full((n, B, L), -1),
            np.zeros((n, B)),
            np.zeros((n, B)),
            np.full((n, B, L), -1),
            np.full((n, B, L), np.nan),
        )


class Candidates(NamedTuple):
    """Everything that could be the next touch."""

    position: int  # from 0
    words: WordArray  # (n, B) open channels
    hazard: FloatArray  # (n, B, C) calibrated; read where open only
    logit: NDArray[np.float32]  # (n, B, C) before calibration


class Best(NamedTuple):
    """Continuations of one customer, the most promising first; B' of them have room."""

    value: FloatArray  # (B',)
    entry: IntArray  # (B',) plan x C + channel
    bound: FloatArray  # (B',) most that it may come to


@njit(cache=True, nogil=True)
def open_words(rules: Rules, beams: Beams, position: int) -> WordArray:
    """The channels that each partial plan may go on with, as bits, shape (n, B); 0 where it ends."""
    words = np.zeros_like(beams.alive, dtype=np.uint64)
    for row in range(len(words)):
        if rules.allowed[row, position] == np.uint64(0):
            continue
        for beam in range(len(words[row])):
            if beams.alive[row, beam]:
                matching = beams.matching[row, beam, : rules.needed[row]]
                word = open_channels(rules.allowed[row], beams.left[row, beam], matching, position)
                if rules.word.shape[1] or rules.budget[row] < np.inf:
                    timed = TimedRules(
                        rules.word[row],
                        rules.most[row],
                        rules.first[row],
                        rules.past[row],
                        rules.cost[row],
                        rules.budget[row],
                    )
                    left, path = beams.left[row, beam], beams.path[row, beam]
                    word = open_in_time(timed, rules.allowed[row], rules.needed[row], left, path, position, word)
                words[row, beam] = word
    return words


@njit(cache=True, nogil=True, error_model="numpy")
def go_on(
    rules: Rules,
    prices: Prices,
    beams: Beams,
    candidates: Candidates,
    after: Beams,
    limits: tuple[FloatArray, FloatArray],
) -> IntArray:
    """Fills `after` with the best continuations, best first; ties go to the first plan, then the lowest channel.

    A continuation that can come to no more than is in hand is cut off (branch and bound: Land & Doig, 1960,
    Econometrica 28, section 2). One that has no room is left aside.

    Args:
        rules: of the customers.
        prices: of the customers.
        beams: at a position.
        candidates: for the next position.
        after: empty.
        limits: value in hand, shape (n,), and the most that a plan left aside may come to, (n,), raised here.

    Returns:
        The plan that each continues, shape (n, B').
    """
    n, width = after.alive.shape
    C, position = candidates.hazard.shape[2], candidates.position
    parent = np.zeros((n, width), np.int64)
    best = Best(np.empty(width), np.empty(width, np.int64), np.empty(width))
    for row in range(n):
        for slot in range(_choose(row, prices, beams, candidates, best, limits)):
            source, channel = best.entry[slot] // C, best.entry[slot] % C
            parent[row, slot] = source
            after.alive[row, slot] = True
            after.value[row, slot] = best.value[slot]
            after.survival[row, slot] = beams.survival[row, source] * (1 - candidates.hazard[row, source, channel])
            copy_into(after.path[row, slot], beams.path[row, source])
            after.path[row, slot, position] = channel
            copy_into(after.logit[row, slot], beams.logit[row, source])
            after.logit[row, slot, position] = candidates.logit[row, source, channel]
            left, matching = after.left[row, slot], after.matching[row, slot]
            copy_into(left, beams.left[row, source])
            copy_into(matching, beams.matching[row, source])
            take_channel(rules.allowed[row], left, matching[: rules.needed[row]], position, channel)
    return parent


@njit(cache=True, nogil=True, error_model="numpy")
def _choose(
    row: int, prices: Prices, beams: Beams, candidates: Candidates, best: Best, limits: tuple[FloatArray, FloatArray]
) -> int:
    """Fills `best` with the continuations of one customer that go on, and says how many; see `go_on`."""
    position, words, hazard, _ = candidates
    (_, B, C), width, kept = hazard.shape, len(best.value), 0
    in_hand, aside = limits
    for entry in range(B * C):
        beam, channel = entry // C, entry % C
        if (words[row, beam] >> np.uint64(channel)) & np.uint64(1) == np.uint64(0):
            continue
        gain = hazard[row, beam, channel] * prices.worth[row] - prices.cost[row, channel]
        value = beams.value[row, beam] + beams.survival[row, beam] * gain
        survival = beams.survival[row, beam] * (1 - hazard[row, beam, channel])
        bound = value + survival * prices.ahead[row, position + 1]
        if bound <= in_hand[row]:
            continue
        if kept == width:
            if value <= best.value[kept - 1]:
                aside[row] = max(aside[row], bound)
                continue
            kept -= 1
            aside[row] = max(aside[row], best.bound[kept])
        slot = kept
        while slot > 0 and best.value[slot - 1] < value:
            best.value[slot], best.entry[slot] = best.value[slot - 1], best.entry[slot - 1]
            best.bound[slot] = best.bound[slot - 1]
            slot -= 1
        best.value[slot], best.entry[slot], best.bound[slot] = value, entry, bound
        kept += 1
    return kept
