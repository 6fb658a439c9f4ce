"""Arranges scored items in a list: rules first, then diversity, exploration last, slot by slot."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray
from ranking.diversity import Gain
from ranking.exploration import Exploration, draw, probabilities
from ranking.item_rules import ItemRules, RuleState


class Reason(StrEnum):
    """Why an item has its place."""

    SCORE = "score"  # the best score of the items left
    DIVERSITY = "diversity"  # the re-ranker preferred it to a better score
    PIN = "pin"
    RULE = "rule"  # the item preferred was passed over, to keep a cap or the floor of new items
    EXPLORATION = "exploration"  # drawn, though another item was preferred


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """Items in the order to show them; row i of every array is place i + 1."""

    items: IntArray  # (places,) position among the items handed in
    reasons: tuple[Reason, ...]  # (places,)
    propensities: FloatArray  # (places,) P(item at its slot | slots before); 1 where nothing was drawn
    supported: IntArray  # (places,) how many items could have had the slot by the draw; 1: the slot was forced


def arrange(
    relevance: FloatArray,
    rules: ItemRules,
    gain: Gain,
    most: int,
    *,
    explore: Exploration | None = None,
    seed: int = 0,
) -> Arranged:
    """Fills the slots one after the other.

    Args:
        relevance: shape (items,), descending: items come in the order of their scores.
        rules: always hold.
        gain: what a slot is worth to each item given those placed; is used up.
        most: places, at least 1. Fewer are filled when the rules leave fewer items.
        explore: None shows the best item in every slot that no rule forces.
        seed: of the draws.

    Raises:
        Infeasible: the rules cannot hold together; the message names them.
    """
    state = RuleState(rules, most)
    placed: list[_Placed] = []
    left = ~rules.hidden
    for slot in range(state.length):
        if slot in rules.pins:
            item, reason, chance, support = rules.pins[slot], Reason.PIN, 1.0, 1
        else:
            allowed, gains = state.allowed(slot), gain.values()
            best = int(np.argmax(np.where(allowed, gains, -np.inf)))
            item, chance, support = best, 1.0, 1
            if explore is not None:
                chances = probabilities(explore, gains, relevance, allowed, seed, slot)
                item = draw(chances, seed, slot)
                chance, support = float(chances[item]), int(np.count_nonzero(chances))
            open_items = left.copy()
            open_items[list(rules.pins.values())] = False
            wanted = int(np.argmax(np.where(open_items, gains, -np.inf)))
            reason = _reason(item, best, wanted, int(np.argmax(open_items)))
            state.place(item)
        gain.place(item)
        left[item] = False
        placed.append(_Placed(item, reason, chance, support))
    return Arranged(
        np.array([each.item for each in placed], dtype=np.int64),
        tuple(each.reason for each in placed),
        np.array([each.propensity for each in placed]),
        np.array([each.support for each in placed], dtype=np.int64),
    )


class _Placed(NamedTuple):
    """One slot, filled."""

    item: int
    reason: Reason
    propensity: float
    support: int


def _reason(item: int, best: int, wanted: int, first: int) -> Reason:
    """Of the item placed, the best one allowed, the one preferred without rules, and the one with the best score."""
    if item != best:
        return Reason.EXPLORATION
    if item != wanted:
        return Reason.RULE
    return Reason.SCORE if item == first else Reason.DIVERSITY
