"""Floors by attention over many lists: a cohort is never a first place behind, by a checker that shares no code."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from farview.core.attention import FIRST_PLACE
from farview.core.errors import Infeasible
from ranking.attention import logarithmic
from ranking.contenders import Contest
from ranking.floors import Guarantee, Standing
from ranking.prioritize import Audience, OnShortfall, place
from tests.ranking.sequences import Call, random_calls
from tests.tiers import examples


@dataclass(slots=True)
class AttentionWindow:
    """What was placed so far: a weight and a row of cohorts for each slot."""

    shares: Sequence[Fraction]
    weights: list[int] = field(default_factory=list)
    counted: list[np.ndarray] = field(default_factory=list)

    def ask(self, call: Call, on_shortfall: OnShortfall = OnShortfall.REPORT) -> Audience:
        ids = np.array([f"c{i}" for i in range(len(call.scores))], dtype=object)
        guarantees = [
            Guarantee(f"g{j}", float(share), call.membership[j], Standing(sum(self.weights), self.kept(j)))
            for j, share in enumerate(self.shares)
        ]
        contest = Contest(ids, call.scores, call.capacity, [g.members for g in guarantees], seed=0)
        audience = place(contest, guarantees, on_shortfall=on_shortfall, goes_on=True, by_attention=True)
        self.weights.extend(np.diff(logarithmic(len(audience.ids))).tolist())
        self.counted.extend(call.membership.T[audience.candidates])
        return audience

    def kept(self, j: int) -> int:
        return sum(weight for weight, row in zip(self.weights, self.counted, strict=True) if row[j])

    def missed(self) -> list[tuple[int, int]]:
        """(cohort, n) for which the cohort is a first place or more behind its share of the first n slots."""
        found = []
        for j, share in enumerate(self.shares):
            given = had = 0
            for n, (weight, row) in enumerate(zip(self.weights, self.counted, strict=True), start=1):
                given, had = given + weight, had + weight * int(row[j])
                if share * given - had >= FIRST_PLACE:
                    found.append((j, n))
        return found


def fitting(rng: np.random.Generator, *, plenty: bool) -> tuple[list[Fraction], list[Call]]:
    """As `random_calls`; shares as a ledger keeps them, which sum to at most 1."""
    while True:
        shares, calls = random_calls(rng, plenty=plenty)
        kept = [share.limit_denominator(10**6) for share in shares]
        if all(kept) and sum(kept) <= 1:
            return kept, calls


def test_nobody_is_a_first_place_behind_while_every_call_has_members_enough() -> None:
    rng, forced = np.random.default_rng(7), 0
    for _ in range(examples(ci=500, soak=100_000)):
        shares, calls = fitting(rng, plenty=True)
        window = AttentionWindow(shares)
        for one in calls:
            forced += int(window.ask(one).guaranteed.sum())
        assert window.missed() == [], (shares, calls)
    assert forced > examples(ci=500, soak=100_000)


def test_no_slot_goes_to_another_while_a_cohort_is_due_and_a_member_is_there() -> None:
    """The definition of a broken floor, on sequences in which members are often lacking."""
    rng, seen = np.random.default_rng(8), 0
    for _ in range(examples(ci=300, soak=50_000)):
        shares, calls = fitting(rng, plenty=False)
        window = AttentionWindow(shares)
        for one in calls:
            given, had = sum(window.weights), [window.kept(j) for j in range(len(shares))]
            order = window.ask(one).candidates.tolist()
            for slot, (chosen, weight) in enumerate(zip(order, np.diff(logarithmic(len(order))).tolist(), strict=True)):
                left = np.setdiff1d(np.arange(len(one.scores)), order[:slot])
                given += weight
                due = [
                    j
                    for j, share in enumerate(shares)
                    if share * given - had[j] >= FIRST_PLACE and one.membership[j, left].any()
                ]
                assert not due or one.membership[due, chosen].any(), (shares, calls, slot)
                seen += len(due)
                had = [of + weight * int(one.membership[j, chosen]) for j, of in enumerate(had)]
    assert seen > 50


def test_one_floor_takes_a_slot_only_where_it_would_be_broken_at_once() -> None:
    rng, seen = np.random.default_rng(3), 0
    for _ in range(examples(ci=200, soak=10_000)):
        (share, *_), calls = fitting(rng, plenty=True)
        window = AttentionWindow([share])
        for one in calls:
            before = len(window.weights)
            forced = window.ask(Call(one.capacity, one.scores, one.membership[:1])).guaranteed
            for slot in before + np.flatnonzero(forced):
                had = sum(w for w, row in zip(window.weights[:slot], window.counted[:slot], strict=True) if row[0])
                assert share * sum(window.weights[: slot + 1]) - had >= FIRST_PLACE
                seen += 1
    assert seen > 100


def call(capacity: int, *membership: list[int]) -> Call:
    """Candidates of falling score."""
    marks = np.array(membership, dtype=np.bool_)
    return Call(capacity, np.arange(marks.shape[1], 0.0, -1.0), marks)


def test_first_places_of_lists_of_one_are_counted_as_places_are() -> None:
    window = AttentionWindow([Fraction(1, 4)])
    assert [int(window.ask(call(1, [0, 1])).candidates[0]) for _ in range(8)] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_the_documented_example_comes_out_as_written() -> None:
    window = AttentionWindow([Fraction(1, 5)])
    places = [np.flatnonzero(window.ask(call(10, [0] * 10 + [1] * 10)).candidates >= 10) + 1 for _ in range(4)]
    assert [found.tolist() for found in places] == [[], [1], [1], [2, 10]]


def test_a_debt_is_paid_at_the_first_places_of_whoever_has_members() -> None:
    window = AttentionWindow([Fraction(1, 2)])
    window.ask(call(8, [0] * 8))  # nobody of the cohort came: 3.95 of attention, of which 1.98 was theirs
    audience = window.ask(call(4, [0, 0, 0, 0, 1, 1, 1, 1]))
    report = audience.floors[0]
    assert audience.candidates.tolist()[:2] == [4, 5]
    assert (report.overdue, audience.obstacles) == (1, ())


def test_a_debt_larger_than_a_list_is_no_obstacle_and_is_reported() -> None:
    guarantee = Guarantee("late", 0.5, np.ones(3, dtype=np.bool_), Standing(slots=1_000 * FIRST_PLACE, placed=0))
    contest = Contest(np.array(["a", "b", "c"]), np.arange(3.0), 2, [guarantee.members], seed=0)
    audience = place(contest, [guarantee], on_shortfall=OnShortfall.REFUSE, goes_on=True, by_attention=True)
    report = audience.floors[0]
    assert (report.owed, report.overdue, report.shortfall, audience.obstacles) == (2, 2, 499, ())


def test_a_cohort_that_has_nobody_left_is_refused_by_name() -> None:
    window = AttentionWindow([Fraction(1, 2)])
    with pytest.raises(Infeasible, match=r"'g0' has 1 eligible candidates .* short from slot"):
        window.ask(call(12, [0] * 12 + [1]), OnShortfall.REFUSE)


@pytest.mark.parametrize(("placed", "first"), [(0, "new"), (10**15, "best"), (4 * 10**15, "best")])
def test_what_a_long_window_has_counted_fits(placed: int, first: str) -> None:
    share = 999_999 / 10**6
    guarantee = Guarantee("g", share, np.array([False, True]), Standing(slots=10**15, placed=placed))
    contest = Contest(np.array(["best", "new"]), np.array([2.0, 1.0]), 1, [guarantee.members], seed=0)
    answer = place(contest, [guarantee], on_shortfall=OnShortfall.REPORT, goes_on=True, by_attention=True)
    assert answer.ids.tolist() == [first]
