"""Shares, due slots and feasibility: exact whatever the doubles say."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.floors import Guarantee, due_slots, exact_share, obstacles, placements_owed
from tests.tiers import examples


def everyone(name: str, share: float, members: int = 100, candidates: int = 100) -> Guarantee:
    return Guarantee(name, share, np.arange(candidates) < members)


@given(st.integers(1, 10**6).flatmap(lambda q: st.tuples(st.integers(1, q), st.just(q))))
@settings(max_examples=examples(ci=500, soak=50_000))
def test_a_fraction_survives_its_double(fraction: tuple[int, int]) -> None:
    p, q = fraction
    assert exact_share(p / q) == Fraction(p, q)


@pytest.mark.parametrize(
    ("share", "slots", "owed"),
    [
        (0.07, 100, 7),
        (0.29, 100, 29),  # .29 * 100 is 28.999999999999996 in doubles
        (1 / 3, 3, 1),
        (1 - 0.9, 10, 1),  # .09999999999999998
        (0.1 + 0.2, 10, 3),
        (0.7, 10**9, 700_000_000),
        (1.0, 5, 5),
        (0.1, 9, 0),
        (1e-9, 10**9 - 1, 0),
        (5e-324, 10**9, 0),
    ],
)
def test_placements_owed_are_the_floor_of_the_share_that_was_meant(share: float, slots: int, owed: int) -> None:
    assert placements_owed(share, slots) == owed


@given(st.floats(0, 1, exclude_min=True), st.integers(0, 300))
@settings(max_examples=examples(ci=300, soak=20_000))
def test_the_ith_placement_is_due_at_the_first_slot_that_owes_i(share: float, slots: int) -> None:
    exact = exact_share(share)
    due = due_slots(share, 1, placements_owed(share, slots)).tolist()
    assert due == [ceil(i / exact) for i in range(1, floor(exact * slots) + 1)]
    assert [sum(slot <= n for slot in due) for n in range(slots + 1)] == [floor(exact * n) for n in range(slots + 1)]


@pytest.mark.parametrize("shares", [[1 / 3] * 3, [1 / 7] * 7, [0.1] * 10, [0.1, 0.2, 0.7], [1 / 6, 1 / 3, 0.5]])
def test_shares_that_sum_to_one_on_paper_are_feasible(shares: list[float]) -> None:
    assert not obstacles([everyone(f"g{j}", share) for j, share in enumerate(shares)], 100)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=4))
@settings(max_examples=examples(ci=200, soak=10_000))
def test_weights_normalised_in_floating_point_are_feasible(weights: list[float]) -> None:
    assert not obstacles([everyone(f"g{j}", weight / sum(weights)) for j, weight in enumerate(weights)], 100)


def test_overbooked_shares_are_named_by_an_irreducible_set() -> None:
    crowd = [everyone("new", 0.05), everyone("vip", 0.6), everyone("lapsed", 0.5)]
    assert obstacles(crowd, 10) == ("shares sum to 1.1, above 1: 'vip' (0.6), 'lapsed' (0.5)",)


def test_a_cohort_that_is_too_small_is_named_with_its_count() -> None:
    small = everyone("new", 0.1, members=9)
    assert obstacles([small, everyone("vip", 0.5)], 100) == ("'new' has 9 eligible candidates of 10 owed in 100 slots",)
    assert not obstacles([small], 99)
