"""Feasibility and the slot rule against every order there is, for lists of up to 8."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement, product
from math import comb, floor

import numpy as np
import pytest

from ranking.floors import obstacles
from ranking.prioritize import prioritize
from tests.ranking.requests import Request, order_of, short_prefixes
from tests.tiers import examples

SHARES = [
    Fraction(1, 10),
    Fraction(1, 7),
    Fraction(1, 4),
    Fraction(1, 3),
    Fraction(2, 5),
    Fraction(1, 2),
    Fraction(3, 5),
]
TRIPLES = [shares for shares in combinations_with_replacement(SHARES, 3) if sum(shares) <= 1]
KINDS = list(product((False, True), repeat=3))  # a candidate is known by the cohorts it is in


def some_order_is_never_short(counts: tuple[int, ...], shares: tuple[Fraction, ...], n: int) -> bool:
    """Tries every order of candidates, those of one kind being alike; `counts[k]` candidates are of KINDS[k]."""
    owed = [[floor(share * length) for share in shares] for length in range(n + 1)]

    @cache
    def can_go_on(left: tuple[int, ...]) -> bool:
        used = [total - rest for total, rest in zip(counts, left, strict=True)]
        length = sum(used)
        for j in range(len(shares)):
            if sum(u for u, kind in zip(used, KINDS, strict=True) if kind[j]) < owed[length][j]:
                return False
        if length == n:
            return True
        return any(can_go_on((*left[:k], left[k] - 1, *left[k + 1 :])) for k in range(len(left)) if left[k])

    return can_go_on(counts)


def multisets(size: int, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    """Every multiset of candidates where they are few, else as many at random as the tier asks for."""
    tried = examples(ci=12, soak=1_000)
    if comb(size + len(KINDS) - 1, size) <= tried:
        for chosen in combinations_with_replacement(range(len(KINDS)), size):
            yield tuple(chosen.count(kind) for kind in range(len(KINDS)))
    else:
        everything = rng.integers(0, len(KINDS), size=(tried, size))
        yield from (tuple(np.bincount(row, minlength=len(KINDS)).tolist()) for row in everything)


def request_of(counts: tuple[int, ...], shares: tuple[Fraction, ...], n: int, rng: np.random.Generator) -> Request:
    kinds = [kind for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]
    return Request(
        ids=[f"c{place}" for place in range(len(kinds))],
        scores=rng.integers(0, 5, len(kinds)).astype(float).tolist(),
        capacity=n,
        shares=list(shares),
        cohorts=[[place for place, kind in enumerate(kinds) if kind[j]] for j in range(3)],
    )


@pytest.mark.parametrize("n", range(1, 9))
def test_a_request_is_called_feasible_exactly_when_some_order_is_never_short(n: int) -> None:
    rng = np.random.default_rng(n)
    for shares in TRIPLES:
        for counts in multisets(n, rng):
            request = request_of(counts, shares, n, rng)
            called_feasible = not obstacles(request.guarantees(), request.slots)
            assert called_feasible == some_order_is_never_short(counts, shares, n), (counts, shares)
            if called_feasible:
                audience = prioritize(np.array(request.ids), np.array(request.scores), n, request.guarantees())
                assert not short_prefixes(request, order_of(audience)), (counts, shares)
