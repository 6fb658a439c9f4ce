"""Floors by attention: no prefix falls a slack behind, by a checker that shares no code with the rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import floor, log2
from pathlib import Path
from time import thread_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import Infeasible
from ranking.attention import FIRST_PLACE, AttentionDebts, logarithmic
from ranking.contenders import Contest
from ranking.floors import BoolArray, Guarantee
from ranking.prioritize import Audience, OnShortfall, place
from tests.ranking.requests import random_shares
from tests.tiers import examples

PROOF = Path(__file__).parents[2] / "docs" / "exposure-guarantees.md"


@dataclass(frozen=True)
class World:
    """Candidates, best first, and floors over the attention of places."""

    weights: tuple[int, ...]  # of the places of the list, falling or level
    shares: tuple[Fraction, ...]
    members: BoolArray  # (candidates, cohorts)

    def guarantees(self) -> list[Guarantee]:
        return [Guarantee(f"g{j}", float(f), self.members[:, j]) for j, f in enumerate(self.shares)]

    def debts(self) -> AttentionDebts:
        return AttentionDebts.of(self.guarantees(), np.concatenate([[0], np.cumsum(self.weights)]).astype(np.int64))


def slack_of(weights: Sequence[int], shares: Sequence[Fraction]) -> Fraction:
    """The mean weight of the first 1 / f places, of the largest share f, rounded up; places count in part."""
    places = 1 / max(shares)
    if places > len(weights):
        return Fraction(sum(weights))  # nothing is ever due
    whole = floor(places)
    rest = places - whole
    covered = sum(weights[:whole]) + (rest * weights[whole] if rest else 0)
    return Fraction(-(-(covered / places) // 1))


def short_prefixes(world: World, belongs: Sequence[Sequence[bool]]) -> list[tuple[int, int]]:
    """(cohort, n) where the first n places give a cohort no more than its share of their attention less the slack."""
    slack, found = slack_of(world.weights, world.shares), []
    for j, share in enumerate(world.shares):
        total = had = 0
        for n, (weight, of) in enumerate(zip(world.weights, belongs, strict=False), start=1):
            total += weight
            had += weight * of[j]
            if share * total - had >= slack:
                found.append((j, n))
    return found


def random_world(rng: np.random.Generator, most: int = 60) -> World:
    """Up to 4 overlapping cohorts and any falling weights; members that nobody would choose by score are common."""
    slots, cohorts = int(rng.integers(1, most)), int(rng.integers(1, 5))
    kind = rng.integers(4)
    if kind == 0:
        weights = [round(FIRST_PLACE / log2(1 + place)) for place in range(1, slots + 1)]
    elif kind == 1:
        weights = [FIRST_PLACE] * slots
    elif kind == 2:  # geometric, as in a cascade of attention
        weights = [int(FIRST_PLACE * 0.9**place) for place in range(slots)]
    else:
        weights = sorted(rng.integers(1000, FIRST_PLACE, slots).tolist(), reverse=True)
    shares = random_shares(cohorts, rng)
    candidates = slots + int(rng.integers(0, 20))
    members = rng.random((candidates, cohorts)) < rng.choice([0.1, 0.4, 0.9], cohorts)
    if rng.random() < 0.5:
        members = members[np.argsort(members.any(axis=1), kind="stable")]  # at the end by score
    meant = tuple(Fraction(float(share)).limit_denominator(10**6) for share in shares)
    return World(tuple(weights), meant, members)


def has_enough(world: World) -> bool:
    """Shares fit, and each cohort has a member more than its share less the slack can take of the last places."""
    slack = slack_of(world.weights, world.shares)
    for j, share in enumerate(world.shares):
        owed, sums, needed = share * sum(world.weights) - slack, 0, 0
        for weight in (*reversed(world.weights), sum(world.weights)):
            if sums > owed:
                break
            sums, needed = sums + weight, needed + 1
        if world.members[:, j].sum() < needed:
            return False
    return sum(world.shares) <= 1


def listed(world: World) -> tuple[list[int], BoolArray]:
    filled = world.debts().filled(len(world.weights), world.members)
    return filled.chosen.tolist(), filled.forced


def test_no_prefix_falls_behind_when_shares_fit_and_members_are_enough() -> None:
    rng, kept, bound = np.random.default_rng(7), 0, 0
    for _ in range(examples(ci=800, soak=100_000)):
        world = random_world(rng)
        if has_enough(world):
            order, forced = listed(world)
            assert not short_prefixes(world, world.members[order].tolist()), world
            kept += 1
            bound += forced.any()
    assert kept > 0.3 * examples(ci=800, soak=100_000)
    assert bound > 0.2 * kept


def test_a_cohort_that_is_too_small_harms_only_itself() -> None:
    rng, seen = np.random.default_rng(11), 0
    for _ in range(examples(ci=600, soak=50_000)):
        world = random_world(rng)
        if sum(world.shares) <= 1:
            order, _ = listed(world)
            for j, n in short_prefixes(world, world.members[order].tolist()):
                assert set(np.flatnonzero(world.members[:, j])) <= set(order[:n])
                seen += 1
    assert seen > 40


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=examples(ci=80, soak=20_000), deadline=None)
def test_with_equal_weights_the_promise_is_the_whole_part_of_share_times_places(slots: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = random_shares(int(rng.integers(1, 5)), rng)
    shares = tuple(Fraction(float(share)).limit_denominator(10**6) for share in drawn)
    world = World((FIRST_PLACE,) * slots, shares, np.ones((slots, len(shares)), dtype=np.bool_))
    debts = world.debts()
    assert [debts.fewest(j) for j in range(len(shares))] == [debts.enough(j) for j in range(len(shares))]
    for j, share in enumerate(shares):
        if max(shares) * slots >= 1:
            assert debts.fewest(j) == floor(share * slots)
        for count in range(slots + 1):  # so many at the first places
            kept = debts.kept(j, np.arange(slots) < count)
            assert (kept.first_short_slot is None) == (count >= floor(share * slots))


@pytest.mark.parametrize("n", range(1, 7))
def test_what_no_order_keeps_is_found_short_and_with_members_enough_nothing_is(n: int) -> None:
    rng, impossible, between = np.random.default_rng(n), 0, 0
    for _ in range(examples(ci=60, soak=2_000)):
        shares = tuple(Fraction(int(part), 12) for part in rng.multinomial(12, [0.4, 0.3, 0.3])[:2] if part)
        weights = tuple(round(FIRST_PLACE / log2(1 + place)) for place in range(1, n + 1))
        members = rng.random((n, max(len(shares), 1))) < rng.choice([0.1, 0.4])
        world = World(weights, shares or (Fraction(1, 2),), members)
        order, _ = listed(world)
        kept = not short_prefixes(world, world.members[order].tolist())
        possible = some_order_keeps(world)
        assert possible or not kept
        assert kept or not has_enough(world)
        impossible += not possible
        between += possible and not kept
    assert n < 2 or impossible > 3
    assert between <= impossible


def some_order_keeps(world: World) -> bool:
    """Tries every order, candidates of the same cohorts being alike."""
    kinds = list(product((False, True), repeat=len(world.shares)))
    counts = tuple(int((world.members == kind).all(axis=1).sum()) for kind in kinds)

    @cache
    def can_go_on(left: tuple[int, ...], so_far: tuple[tuple[bool, ...], ...]) -> bool:
        if short_prefixes(world, so_far):
            return False
        if not any(left):
            return True
        return any(
            can_go_on((*left[:k], left[k] - 1, *left[k + 1 :]), (*so_far, kinds[k]))
            for k in range(len(kinds))
            if left[k]
        )

    return can_go_on(counts, ())


def test_one_floor_takes_a_place_only_when_the_best_candidate_there_would_leave_it_behind_whatever_follows() -> None:
    rng, seen = np.random.default_rng(3), 0
    for _ in range(examples(ci=300, soak=10_000)):
        world = random_world(rng)
        world = World(world.weights, world.shares[:1], world.members[:, :1])
        if not has_enough(world):
            continue
        order, forced = listed(world)
        for slot in np.flatnonzero(forced):
            instead = [*world.members[order[:slot]].tolist(), [False]]
            after = [*instead, *[[True]] * (len(world.weights) - slot - 1)]
            assert short_prefixes(world, after), (world, slot)
            seen += 1
    assert seen > 100


def answer(capacity: int, share: float, members: BoolArray, on_shortfall: OnShortfall = OnShortfall.REFUSE) -> Audience:
    ids = np.array([f"c{i:02}" for i in range(len(members))])
    scores = np.arange(len(members), 0, -1.0)
    contest = Contest(ids, scores, capacity, [members], 0)
    return place(contest, [Guarantee("new", share, members)], on_shortfall=on_shortfall, by_attention=True)


def test_the_documented_example_comes_out_as_written() -> None:
    audience = answer(10, 0.2, np.arange(20) >= 16)
    assert audience.candidates.tolist() == [0, 1, 2, 3, 16, 4, 5, 6, 7, 8]
    report = audience.floors[0]
    assert report.attention is not None
    figures = [report.attention.promised, report.attention.kept, report.attention.total]
    assert [round(figure, 3) for figure in figures] == [0.319, 0.387, 4.544]
    assert (report.owed, report.attention.enough, report.placed) == (1, 2, 1)
    assert report.value_cost == 11 - 4  # the tenth by score made room


def test_weights_are_those_of_ndcg() -> None:
    assert np.diff(logarithmic(7)).tolist() == [1_000_000, 630_930, 500_000, 430_677, 386_853, 356_207, 333_333]


def test_a_share_that_the_members_cannot_keep_is_refused_by_name_or_reported() -> None:
    nobody = np.zeros(20, dtype=np.bool_)
    with pytest.raises(Infeasible, match=r"'new' has 0 eligible candidates of .* short from slot 5"):
        answer(10, 0.2, nobody)
    report = answer(10, 0.2, nobody, OnShortfall.REPORT).floors[0]
    assert report.attention is not None
    assert report.first_short_slot == 5
    assert report.shortfall == 1
    assert report.attention.shortfall == pytest.approx(report.attention.promised, abs=2e-6)


def test_fewer_members_than_may_be_needed_are_refused_only_when_the_list_is_short() -> None:
    first = np.arange(20) < 1
    report = answer(10, 0.2, first).floors[0]
    assert report.attention is not None
    assert report.eligible < report.attention.enough
    assert report.shortfall == 0


def test_ten_thousand_places_with_four_floors_are_filled_in_a_second() -> None:
    rng = np.random.default_rng(0)
    members = rng.random((10_000, 4)) < 0.5
    floors = [Guarantee(f"g{j}", share, members[:, j]) for j, share in enumerate([0.1, 0.2, 0.07, 1 / 3])]
    contest = Contest(np.array([f"c{i}" for i in range(10_000)]), rng.random(10_000), 10_000, list(members.T), 0)
    answer(10, 0.2, np.arange(20) >= 16)  # compiled
    start = thread_time()
    audience = place(contest, floors, by_attention=True)
    assert thread_time() - start < 1
    assert [report.shortfall for report in audience.floors] == [0, 0, 0, 0]
