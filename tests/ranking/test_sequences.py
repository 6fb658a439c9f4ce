"""Floors over many lists: nothing that is due is missed while members come, and debts are paid first."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from ranking.contenders import Contest
from ranking.floors import Guarantee, Standing
from ranking.prioritize import OnShortfall, place
from tests.ranking.sequences import Call, Window, random_calls
from tests.tiers import examples


def call(capacity: int, *membership: list[int], scores: list[float] | None = None) -> Call:
    marks = np.array(membership, dtype=np.bool_)
    return Call(capacity, np.array(scores or range(marks.shape[1], 0, -1), dtype=float), marks)


def test_no_prefix_of_a_sequence_is_short_while_every_call_has_members_enough() -> None:
    rng = np.random.default_rng(7)
    for _ in range(examples(ci=1_400, soak=100_000)):
        shares, calls = random_calls(rng, plenty=True)
        window = Window(shares)
        for one in calls:
            window.ask(one)
        assert window.missed() == [], (shares, calls)


def test_no_slot_goes_to_another_while_a_placement_is_due_and_a_member_is_there() -> None:
    """The definition of a broken floor, on sequences in which members are often lacking."""
    rng = np.random.default_rng(8)
    for _ in range(examples(ci=600, soak=50_000)):
        shares, calls = random_calls(rng, plenty=False)
        window = Window(shares)
        for one in calls:
            before = len(window.counted)
            order = window.ask(one).candidates.tolist()
            counts = np.sum(window.counted[:before], axis=0, dtype=int) if before else np.zeros(len(shares), int)
            for slot, chosen in enumerate(order):
                left = np.setdiff1d(np.arange(len(one.scores)), order[:slot])
                due = [
                    j
                    for j, share in enumerate(shares)
                    if counts[j] < floor(share * (before + slot + 1)) and one.membership[j, left].any()
                ]
                assert not due or one.membership[due, chosen].any(), (shares, calls, slot)
                counts = counts + one.membership[:, chosen]


def test_a_list_leaves_room_for_what_falls_due_just_after_it() -> None:
    window = Window([Fraction(1, 2), Fraction(1, 2)])
    three = [1, 0, 0], [0, 1, 0]
    one_slot = call(1, *three, scores=[1.0, 2.0, 3.0])
    assert window.ask(one_slot).candidates.tolist() == [1]  # at slot 2 both are owed one
    assert window.ask(one_slot).candidates.tolist() == [0]


def test_the_score_decides_wherever_shares_leave_room() -> None:
    window = Window([Fraction(1, 4)])
    best_is_nobody = call(1, [0, 1], scores=[2.0, 1.0])
    places = [int(window.ask(best_is_nobody).candidates[0]) for _ in range(8)]
    assert places == [0, 0, 0, 1, 0, 0, 0, 1]


def test_a_debt_is_paid_at_the_next_slots_of_whoever_has_members() -> None:
    window = Window([Fraction(1, 2)])
    window.ask(call(6, [0] * 6))  # nobody of the cohort came
    audience = window.ask(call(5, [0, 0, 0, 1, 1, 1, 1], scores=[7, 6, 5, 4, 3, 2, 1]))
    assert audience.candidates.tolist() == [3, 4, 5, 6, 0]
    assert window.missed()[-1] == (0, 11)  # 4 of 5 are paid; slot 8 fell due meanwhile


def test_a_debt_larger_than_a_list_is_no_obstacle_and_is_reported() -> None:
    guarantee = Guarantee("late", 0.5, np.ones(3, dtype=np.bool_), Standing(slots=1_000, placed=0))
    contest = Contest(np.array(["a", "b", "c"]), np.arange(3.0), 2, [guarantee.members], seed=0)
    audience = place(contest, [guarantee], on_shortfall=OnShortfall.REFUSE, goes_on=True)
    assert (audience.floors[0].owed, audience.floors[0].shortfall, audience.obstacles) == (501, 499, ())


def test_a_cohort_that_is_ahead_is_owed_nothing() -> None:
    guarantee = Guarantee("ahead", 0.5, np.array([False, False, True]), Standing(slots=10, placed=9))
    contest = Contest(np.array(["a", "b", "c"]), np.array([3.0, 2.0, 1.0]), 2, [guarantee.members], seed=0)
    assert place(contest, [guarantee], goes_on=True).ids.tolist() == ["a", "b"]


@pytest.mark.parametrize("barred_part", [0.0, 0.5, 0.99])
def test_barred_candidates_get_no_slot_and_the_best_others_do(barred_part: float) -> None:
    rng = np.random.default_rng(3)
    ids = np.array([f"c{i}" for i in range(5_000)], dtype=object)
    scores, denied = rng.random(5_000), rng.random(5_000) < barred_part
    cohort = rng.random(5_000) < 0.1
    contest = Contest(ids, scores, 20, [cohort], seed=0)
    audience = place(
        contest,
        [Guarantee("tenth", 0.5, cohort)],
        barred=lambda asked: denied[[int(name[1:]) for name in asked]],
        on_shortfall=OnShortfall.REPORT,
    )
    allowed = np.flatnonzero(~denied)
    free = allowed[np.argsort(-scores[allowed])]
    members = [i for i in free if cohort[i]][:10]
    expected = {*members, *[i for i in free if not cohort[i]][: 20 - len(members)]}
    assert set(audience.candidates.tolist()) == expected


def test_only_those_who_could_get_a_slot_are_asked_about() -> None:
    asked: list[str] = []
    ids = np.array([f"c{i}" for i in range(10_000)], dtype=object)

    def nobody(some: np.ndarray) -> np.ndarray:
        asked.extend(some)
        return np.zeros(len(some), dtype=np.bool_)

    place(Contest(ids, np.arange(10_000.0), 10, [], seed=0), barred=nobody)
    assert len(asked) == 10
