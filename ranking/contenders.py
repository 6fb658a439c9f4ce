"""The few candidates that can get a slot, best first; equal scores in a random order keyed by (seed, customer id)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ranking.floors import BoolArray, Guarantee, IntArray, placements_owed
from ranking.scores import FloatArray

KeyArray: TypeAlias = NDArray[np.uint64]


def rank_contenders(
    ids: NDArray[Any], scores: FloatArray, slots: int, guarantees: Sequence[Guarantee], seed: int
) -> IntArray:
    """Indices of every candidate that the slot rule can reach, best first.

    A slot goes to the best candidate left, so to one of the best `slots`; or to the best one left of a cohort that was
    placed fewer than floor(f slots) times, so to one of that cohort's best floor(f slots).

    Raises:
        InvalidInput: on `ids`, when a contender stands twice.
    """
    reach = np.zeros(len(ids), dtype=np.bool_)
    _mark_best(reach, np.arange(len(ids)), ids, scores, count=slots, seed=seed)
    for guarantee in guarantees:
        owed = placements_owed(guarantee.share, slots)
        _mark_best(reach, np.flatnonzero(guarantee.members), ids, scores, count=owed, seed=seed)
    contenders = np.flatnonzero(reach)
    names = ids[contenders].tolist()
    if len(set(names)) < len(names):
        [(twice, _)] = Counter(names).most_common(1)
        raise InvalidInput.of("ids", f"{twice!r} stands twice among the candidates")
    order = np.lexsort((ids[contenders].astype(np.str_), tie_keys(ids[contenders], seed), -scores[contenders]))
    return contenders[order]


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


def tie_keys(ids: NDArray[Any], seed: int) -> KeyArray:
    """A uniform 64-bit number for each id, from (seed, id) alone; the smaller goes first.

    Args:
        ids: shape (n,), strings.

    Source: polynomial of the characters at a random odd point modulo 2^64, then the SplitMix64 finaliser (Steele, Lea,
    Flood 2014, "Fast splittable pseudorandom number generators", figure 17). Vectorised: a million may tie.
    """
    text = np.ascontiguousarray(ids.astype(np.str_))
    characters = text.view(np.uint32).reshape(len(text), text.itemsize // 4)
    start, point = generator(seed, "ranking", "ties").integers(0, 2**64, size=2, dtype=np.uint64)
    point |= np.uint64(1)
    keys = np.full(len(text), start, dtype=np.uint64)
    for column in characters.T:
        longer = keys * point + column
        # numpy pads strings with 0, which no id contains: a padded place leaves the key as it is
        keys = longer if column.all() else np.where(column == 0, keys, longer)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
