"""Uplift curves: by hand, by what must not change them, and in worlds whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from farview.evaluation.uplift import SHARES, Actions, Curves, plan_curves, within_folds
from tests.tiers import examples

BY_HAND = Actions(np.array([1, 0, 1, 0]), np.full(4, 0.5), np.array([9.0, 2.0, 4.0, 1.0]))
DESCENDING = np.array([4.0, 3.0, 2.0, 1.0])


def curves(actions: Actions, score: np.ndarray, resamples: int = 1) -> Curves:
    plan = score, np.ones(len(score), dtype=np.int64)
    return plan_curves(actions, {"it": plan}, resamples=resamples, seed=0)["it"]


def at(row: np.ndarray, share: float) -> float:
    return float(row[np.flatnonzero(np.isclose(SHARES, share))[0]])


def test_the_effect_of_the_first_half_by_hand() -> None:
    assert at(curves(BY_HAND, DESCENDING).effect[0], 0.5) == pytest.approx(9.0 - 2.0)


def test_the_effect_of_all_by_hand() -> None:
    assert at(curves(BY_HAND, DESCENDING).effect[0], 1.0) == pytest.approx(6.5 - 1.5)


def test_the_value_of_contacting_the_first_half_by_hand() -> None:
    assert at(curves(BY_HAND, DESCENDING).value[0], 0.5) == pytest.approx(0.5 * 9.0 + 0.5 * 1.0)


def test_actions_weigh_by_one_over_their_probability() -> None:
    actions = Actions(np.array([1, 1, 0, 0]), np.array([0.2, 0.8, 0.8, 0.2]), np.array([10.0, 0.0, 4.0, 0.0]))
    effect = at(curves(actions, np.zeros(4)).effect[0], 1.0)
    assert effect == pytest.approx(10.0 * 0.8 - 4.0 * 0.2)


def test_those_with_another_action_than_planned_do_not_count() -> None:
    with_another = Actions(
        np.array([1, 0, 1, 0, 2]), np.array([0.5, 0.5, 0.5, 0.5, 0.5]), np.array([9.0, 2.0, 4.0, 1.0, 500.0])
    )
    effect = curves(with_another, np.array([4.0, 3.0, 2.0, 1.0, 0.0])).effect[0]
    assert at(effect, 1.0) == pytest.approx(5.0)


def test_equal_scores_are_a_straight_line() -> None:
    drawn = curves(random_actions(1), np.zeros(400), resamples=20)
    assert drawn.qini == pytest.approx(np.zeros(21), abs=1e-12)
    assert np.ptp(drawn.effect, axis=1) == pytest.approx(np.zeros(21), abs=1e-12)


def test_a_random_order_has_half_of_what_contacting_everybody_adds() -> None:
    drawn = curves(random_actions(2), np.zeros(400))
    assert drawn.auuc()[0] == pytest.approx(0.5 * drawn.effect[0, -1], rel=0.011)  # SHARES begin at 1 %, not at 0


def random_actions(seed: int, rows: int = 400) -> Actions:
    rng = np.random.default_rng(seed)
    propensity = rng.uniform(0.3, 0.7, rows)
    treated = rng.random(rows) < propensity
    return Actions(treated.astype(np.int64), np.where(treated, propensity, 1 - propensity), rng.normal(1, 2, rows))


@given(st.integers(0, 2**32 - 1))
def test_neither_a_rising_transform_nor_the_order_of_rows_changes_a_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actions, score = random_actions(seed, 60), rng.integers(0, 12, 60).astype(np.float64)
    rows = rng.permutation(60)
    moved = Actions(actions.action[rows], actions.propensity[rows], actions.outcome[rows])
    before, after = curves(actions, score), curves(moved, np.exp(score[rows] / 3))
    assert after.qini[0] == pytest.approx(before.qini[0], abs=1e-9)
    assert np.nan_to_num(after.effect[0]) == pytest.approx(np.nan_to_num(before.effect[0]), abs=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_no_order_has_a_larger_qini_than_that_by_what_each_row_adds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = SHARES.size  # so that every row is one step of the curve
    actions = random_actions(seed, rows)
    adds = np.where(actions.action == 1, 1.0, -1.0) * actions.outcome / actions.propensity
    assert curves(actions, adds).qini[0] >= curves(actions, rng.normal(size=rows)).qini[0]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """95 % intervals of the effect among the first 30 %; binomial, refused at .001."""
    trials = examples(ci=25, soak=400)
    inside = 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        x, treated = rng.random(600), rng.random(600) < 0.5
        outcome = 2 * x * treated + rng.normal(size=600)
        actions = Actions(treated.astype(np.int64), np.full(600, 0.5), outcome)
        low, high = np.quantile([at(row, 0.3) for row in curves(actions, x, 100).effect[1:]], [0.025, 0.975])
        inside += bool(low <= 2 * 0.85 <= high)
    assert binom.cdf(inside, trials, 0.93) > 0.001  # the percentile bootstrap of 600 rows loses a little


def test_plans_are_resampled_together() -> None:
    actions, plan = random_actions(3), (np.arange(400.0), np.ones(400, dtype=np.int64))
    found = plan_curves(actions, {"a": plan, "b": plan}, resamples=10, seed=4)
    assert np.array_equal(found["a"].value, found["b"].value, equal_nan=True)


def test_ranks_are_taken_within_folds_and_equal_scores_share_theirs() -> None:
    ranks = within_folds(np.array([1.0, 5.0, 5.0, 90.0, 70.0]), np.array([0, 0, 0, 1, 1]))
    assert ranks == pytest.approx([1 / 6, 4 / 6, 4 / 6, 3 / 4, 1 / 4])


def test_rows_of_one_customer_come_and_go_together() -> None:
    rng = np.random.default_rng(4)
    once = Actions(rng.integers(0, 2, 60), np.full(60, 0.5), rng.normal(1, 2, 60))
    score, again = rng.random(60), np.repeat(np.arange(60), 5)
    often = Actions(once.action[again], once.propensity[again], once.outcome[again], customer=again)
    assert curves(often, score[again], 20).auuc() == pytest.approx(curves(once, score, 20).auuc())
