"""Random rules for lists of items, and a checker and an oracle that share no code with what they judge."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import floor

import numpy as np

from ranking.item_rules import ItemRules


def random_rules(random: np.random.Generator, items: int) -> ItemRules:
    """Up to 4 categories, pins, a cap and a floor, each in about half the cases; many contradict themselves."""
    category = random.integers(-1, random.integers(1, 5), items)
    pins: dict[int, int] = {}
    if random.random() < 0.5:
        count = int(random.integers(1, min(3, items) + 1))
        slots, pinned = random.choice(items, count, replace=False), random.choice(items, count, replace=False)
        pins = dict(zip(slots.tolist(), pinned.tolist(), strict=True))
    return ItemRules(
        hidden=random.random(items) < random.choice([0.0, 0.2]),
        category=category,
        is_new=random.random(items) < random.choice([0.1, 0.4, 0.8]),
        pins=pins,
        max_per_category=int(random.integers(1, 4)) if random.random() < 0.5 else None,
        new_share=float(random.choice([0.0, 0.1, 1 / 3, 0.5, 1.0])),
    )


def broken(rules: ItemRules, shown: Sequence[int]) -> list[str]:
    """What a finished list breaks, in words; empty when it keeps every rule."""
    found = []
    if len(set(shown)) < len(shown):
        found.append("an item stands twice")
    if any(rules.hidden[item] for item in shown):
        found.append("a hidden item is shown")
    if any(slot >= len(shown) or shown[slot] != item for slot, item in rules.pins.items()):
        found.append("a pin is not kept")
    per_category = Counter(int(rules.category[item]) for item in shown if rules.category[item] >= 0)
    if rules.max_per_category is not None and max(per_category.values(), default=0) > rules.max_per_category:
        found.append("a category is over its cap")
    share = Fraction(rules.new_share).limit_denominator(1000)
    new = 0
    for n, item in enumerate(shown, start=1):
        new += bool(rules.is_new[item])
        if new < floor(share * n):
            found.append(f"too few new items in the first {n}")
    return found


def longest(rules: ItemRules, most: int) -> int:
    """How many items, those pinned among them, hidden ones not, fit under the caps; tries every set."""
    pinned = set(rules.pins.values())
    shown = [item for item in range(len(rules.category)) if not rules.hidden[item] and item not in pinned]
    for size in range(len(shown), -1, -1):
        for chosen in combinations(shown, size):
            counts = Counter(int(rules.category[i]) for i in (*pinned, *chosen) if rules.category[i] >= 0)
            if rules.max_per_category is None or max(counts.values(), default=0) <= rules.max_per_category:
                return min(most, len(pinned) + size)
    return 0


def some_list_keeps(rules: ItemRules, length: int) -> bool:
    """Whether any list of that length keeps every rule; tries them all, slot by slot."""
    if any(slot >= length or rules.hidden[item] for slot, item in rules.pins.items()):
        return False
    share = Fraction(rules.new_share).limit_denominator(1000)
    pinned = set(rules.pins.values())

    def goes_on(shown: tuple[int, ...], new: int, room: Counter[int]) -> bool:
        if new < floor(share * len(shown)):
            return False
        if rules.max_per_category is not None and max(room.values(), default=0) > rules.max_per_category:
            return False
        if len(shown) == length:
            return True
        slot = len(shown)
        if slot in rules.pins:
            candidates = [rules.pins[slot]]
        else:
            candidates = [i for i in range(len(rules.category)) if not (rules.hidden[i] or i in shown or i in pinned)]
        tried = set()
        for item in candidates:
            kind = (int(rules.category[item]), bool(rules.is_new[item]))
            if kind in tried:
                continue
            tried.add(kind)
            more = room + Counter([kind[0]] if kind[0] >= 0 else [])
            if goes_on((*shown, item), new + kind[1], more):
                return True
        return False

    return goes_on((), 0, Counter())
