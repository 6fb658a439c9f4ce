"""Rules that always hold in a list of items, and the look-ahead that keeps every one of them attainable.

Slots are counted from 0. A place is never given to an item that would make a pin, a cap or the floor of new items
impossible later; what cannot hold together from the start is refused, naming the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from farview.core.errors import Infeasible
from farview.evaluation.arrays import IntArray
from ranking.floors import BoolArray, placements_owed

NO_CATEGORY = -1


@dataclass(frozen=True, slots=True, eq=False)
class ItemRules:
    """What must hold. Items are named by their position."""

    hidden: BoolArray  # (items,) never shown: blocked, of a blocked brand, out of stock or owned
    category: IntArray  # (items,) 0, 1, ..., or NO_CATEGORY, which no cap concerns
    is_new: BoolArray  # (items,)
    pins: Mapping[int, int] = field(default_factory=dict)  # slot to item
    max_per_category: int | None = None
    new_share: float = 0.0  # of every prefix of n places at least floor(new_share n) are new items


class RuleState:
    """What may still be placed. One for each list; `allowed` and `place` are called slot by slot."""

    def __init__(self, rules: ItemRules, most: int) -> None:
        """Looks ahead over a list of at most `most` places.

        Raises:
            Infeasible: the rules cannot hold together; the message names them.
        """
        self._rules = rules
        pinned = np.array(list(rules.pins.values()), dtype=np.int64)
        self._free = ~rules.hidden
        self._free[pinned] = False
        categories = int(rules.category.max(initial=NO_CATEGORY)) + 1
        cap = len(rules.category) if rules.max_per_category is None else rules.max_per_category
        # The last element stands for items without a category, which NO_CATEGORY = -1 points to.
        self._room = np.append(cap - _counts(rules.category[pinned], categories)[:-1], len(rules.category))
        self.length = min(most, len(pinned) + self._rank(self._free))
        _refuse_pins(rules, self._room, most, self.length)
        self._need, self._gaps = self._owed()
        self._served = 0
        self._check_floor()

    def allowed(self, slot: int) -> BoolArray:
        """Which items may get a slot that is not pinned, shape (items,); at least one, if the slots before kept to it.

        A new item may always; another one only while the new items owed by each later prefix still fit into the gaps
        between the pins, and enough of them stay inside their categories' caps.
        """
        rules = self._rules
        allowed = self._free & (self._room[rules.category] > 0)
        owed = self._need[slot + 1 :] - self._served
        gaps = self._gaps[slot + 1 :] - self._gaps[slot + 1]
        if (owed > gaps).any():
            return allowed & rules.is_new
        fresh = _counts(rules.category[allowed & rules.is_new], len(self._room) - 1)
        spare = int(np.minimum(self._room, fresh).sum()) - int(owed.max(initial=0))
        if owed.max(initial=0) > 0 and spare < 1:
            tight = (fresh > 0) & (self._room <= fresh)
            allowed &= rules.is_new | ~tight[rules.category]
        return allowed

    def place(self, item: int) -> None:
        """Gives a gap to an item."""
        self._free[item] = False
        self._room[self._rules.category[item]] -= 1
        self._served += int(self._rules.is_new[item])

    def _rank(self, among: BoolArray) -> int:
        """How many of the items fit under the caps together."""
        counts = _counts(self._rules.category[among], len(self._room) - 1)
        return int(np.minimum(np.maximum(self._room, 0), counts).sum())

    def _owed(self) -> tuple[IntArray, IntArray]:
        """For n = 0, ..., length: new items owed by the first n places beyond those pinned there; gaps among them."""
        share = self._rules.new_share
        owed = np.array([placements_owed(share, n) if share > 0 else 0 for n in range(self.length + 1)])
        new, taken = np.zeros((2, self.length + 1), dtype=np.int64)
        for slot, item in self._rules.pins.items():
            new[slot + 1 :] += int(self._rules.is_new[item])
            taken[slot + 1 :] += 1
        return owed - new, np.arange(self.length + 1) - taken

    def _check_floor(self) -> None:
        short = np.flatnonzero(self._need > self._gaps)
        if len(short):
            raise Infeasible(
                f"new_item_share {self._rules.new_share:g} and the pins contradict each other: the first {short[0]} "
                f"places owe {self._need[short[0]]} new items beyond those pinned and have {self._gaps[short[0]]} open"
            )
        eligible = self._rank(self._free & self._rules.is_new)
        if self._need.max() > eligible:
            under = "" if self._rules.max_per_category is None else " under max_per_category"
            raise Infeasible(
                f"new_item_share {self._rules.new_share:g} owes {self._need.max()} new items in {self.length} places "
                f"beyond those pinned, and {eligible} may be shown{under}"
            )


def _refuse_pins(rules: ItemRules, room: IntArray, most: int, length: int) -> None:
    for slot, item in rules.pins.items():
        if rules.hidden[item]:
            raise Infeasible(f"the item pinned at place {slot + 1} is hidden by another rule (blocked, stock or owned)")
        if slot >= most:
            raise Infeasible(f"an item is pinned at place {slot + 1} of a list of at most {most} places")
        if slot >= length:
            raise Infeasible(
                f"an item is pinned at place {slot + 1}, and only {length} items may be shown under the other rules"
            )
    if (room < 0).any():
        raise Infeasible(
            f"the pins put more than max_per_category {rules.max_per_category} items of one category in place"
        )


def _counts(category: IntArray, categories: int) -> IntArray:
    """Items of each category, shape (categories + 1,); the last are those without one."""
    return np.bincount(np.where(category == NO_CATEGORY, categories, category), minlength=categories + 1)
