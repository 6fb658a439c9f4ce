"""The few candidates that can get a slot, best first; equal scores in a random order keyed by (seed, customer id)."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ranking.floors import BoolArray, IntArray
from ranking.scores import FloatArray

KeyArray: TypeAlias = NDArray[np.uint64]


Barred: TypeAlias = Callable[[NDArray[Any]], BoolArray]
"""Which of these customers, by id, must not get a slot."""


class Contest:
    """Candidates for the slots of one list.

    A slot goes to the best candidate left, or to the best one left of a cohort; so only the best few of everybody and
    of each cohort matter, unless too many of them are barred: then more are looked at.
    """

    def __init__(
        self, ids: NDArray[Any], scores: FloatArray, slots: int, cohorts: Sequence[BoolArray], seed: int
    ) -> None:
        """`cohorts` are shape (candidates,) each; equal scores stand in a random order keyed by (seed, id)."""
        self.ids = ids
        self.scores = scores
        self.slots = slots
        self.cohorts = tuple(cohorts)
        self.seed = seed
        self.barred = np.zeros(len(ids), dtype=np.bool_)  # of those that were looked at
        self._asked = np.zeros(len(ids), dtype=np.bool_)

    def contenders(self, needed: Sequence[int], barred: Barred | None = None) -> IntArray:
        """Indices of every candidate that the slot rule can reach and who is not barred, best first.

        Args:
            needed: for each cohort, how many of its members the rule may ask for; never more than the slots.
            barred: asked once for each candidate that may get a slot.

        Raises:
            InvalidInput: on `ids`, when a contender stands twice.
        """
        reach = np.zeros(len(self.ids), dtype=np.bool_)
        everybody = np.arange(len(self.ids))
        groups = [(everybody, self.slots), *zip(map(np.flatnonzero, self.cohorts), needed, strict=True)]
        for among, count in groups:
            self._reach(reach, among, count, barred)
        found = np.flatnonzero(reach & ~self.barred)
        names = self.ids[found].tolist()
        if len(set(names)) < len(names):
            [(twice, _)] = Counter(names).most_common(1)
            raise InvalidInput.of("ids", f"{twice!r} stands twice among the candidates")
        keys = tie_keys(self.ids[found], self.seed)
        return found[np.lexsort((self.ids[found].astype(np.str_), keys, -self.scores[found]))]

    def _reach(self, reach: BoolArray, among: IntArray, count: int, barred: Barred | None) -> None:
        """Marks the best `count` of a group who are not barred, and whoever of it stands before them."""
        wanted = count
        while True:
            marked = np.zeros(len(self.ids), dtype=np.bool_)
            _mark_best(marked, among, self.ids, self.scores, count=wanted, seed=self.seed)
            self._ask(marked, barred)
            free = int(np.count_nonzero(marked & ~self.barred))
            if free >= count or wanted >= len(among):
                reach |= marked
                return
            # As many as would do if those not looked at yet were barred as often, and at least twice as many.
            wanted = max(2 * wanted, count * wanted // max(free, 1))

    def _ask(self, marked: BoolArray, barred: Barred | None) -> None:
        new = np.flatnonzero(marked & ~self._asked)
        if barred is not None and len(new):
            self.barred[new] = barred(self.ids[new])
            self._asked[new] = True


def _mark_best(
    reach: BoolArray, among: IntArray, ids: NDArray[Any], scores: FloatArray, *, count: int, seed: int
) -> None:
    """Marks the best `count` of the candidates `among`; of those tied at the edge, the first in tie order."""
    if count >= len(among):
        reach[among] = True
        return
    if count == 0:
        return
    edge = np.partition(scores[among], len(among) - count)[len(among) - count]
    above, tied = among[scores[among] > edge], among[scores[among] == edge]
    reach[above] = True
    open_slots = count - len(above)
    if open_slots < len(tied):
        keys = tie_keys(ids[tied], seed)
        tied = tied[keys <= np.partition(keys, open_slots - 1)[open_slots - 1]]
    reach[tied] = True


def uniforms(ids: NDArray[Any], seed: int) -> FloatArray:
    """A number in (0, 1) for each id, from (seed, id) alone and independent of how ties are broken; shape (n,)."""
    keys = tie_keys(ids, seed, purpose="draws") >> np.uint64(11)
    return (keys.astype(np.float64) + 0.5) / 2.0**53


def tie_keys(ids: NDArray[Any], seed: int, purpose: str = "ties") -> KeyArray:
    """A uniform 64-bit number for each id, from (seed, purpose, id) alone; in ties the smaller goes first.

    Args:
        ids: shape (n,), strings.

    Source: polynomial of the characters at a random odd point modulo 2^64, then the SplitMix64 finaliser (Steele, Lea,
    Flood 2014, "Fast splittable pseudorandom number generators", figure 17). Vectorised: a million may tie.
    """
    text = np.ascontiguousarray(ids.astype(np.str_))
    characters = text.view(np.uint32).reshape(len(text), text.itemsize // 4)
    start, point = generator(seed, "ranking", purpose).integers(0, 2**64, size=2, dtype=np.uint64)
    point |= np.uint64(1)
    keys = np.full(len(text), start, dtype=np.uint64)
    for column in characters.T:
        longer = keys * point + column
        # numpy pads strings with 0, which no id contains: a padded place leaves the key as it is
        keys = longer if column.all() else np.where(column == 0, keys, longer)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
