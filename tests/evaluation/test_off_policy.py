"""Off-policy estimators: by hand, by what must not change them, and against worlds whose truth is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from farview.evaluation.off_policy import (
    Estimate,
    Log,
    cross_fitted,
    direct_method,
    doubly_robust,
    estimates,
    ips,
    ridge,
    snips,
    support,
    switch_dr,
)
from tests.tiers import examples

BY_HAND = Log(
    actions=np.array([0, 1, 1, 0]),
    propensities=np.array([0.5, 0.25, 0.5, 0.8]),
    rewards=np.array([1.0, 2.0, 0.0, 4.0]),
    target=np.array([[0.5, 0.5], [0.0, 1.0], [1.0, 0.0], [0.8, 0.2]]),
)
"""Weights 1, 4, 0, 1."""
EXPECTED = np.array([[1.0, 1.0], [2.0, 3.0], [0.0, 1.0], [4.0, 2.0]])


def random_world(seed: int, rows: int = 1_000) -> tuple[Log, np.ndarray, float]:
    """Three actions whose rewards depend on the context; a target that leans to the better ones; and its value."""
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(rows, 2))
    means = np.column_stack([1 + context[:, 0], 1.5 - context[:, 1], np.full(rows, 1.2)])
    logits = rng.normal(size=3) + 0.5 * context @ rng.normal(size=(2, 3))
    logged = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    actions = (logged.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    rewards = means[np.arange(rows), actions] + rng.normal(size=rows)
    target = np.exp(means) / np.exp(means).sum(axis=1, keepdims=True)
    big = np.random.default_rng(0).normal(size=(400_000, 2))
    of_all = np.column_stack([1 + big[:, 0], 1.5 - big[:, 1], np.full(len(big), 1.2)])
    chosen = np.exp(of_all) / np.exp(of_all).sum(axis=1, keepdims=True)
    truth = float((of_all * chosen).sum(axis=1).mean())
    return Log(actions, logged[np.arange(rows), actions], rewards, target), context, truth


def expectations(log: Log, context: np.ndarray) -> np.ndarray:
    folds = np.arange(len(log.rewards)) % 5
    return cross_fitted(ridge(context, log.actions, log.rewards, 3), folds, 3)


def test_ips_by_hand() -> None:
    assert ips(BY_HAND).value == (1 * 1 + 4 * 2 + 0 * 0 + 1 * 4) / 4


def test_snips_by_hand() -> None:
    assert snips(BY_HAND).value == pytest.approx(13 / 6)


def test_direct_method_by_hand() -> None:
    assert direct_method(BY_HAND, EXPECTED).value == pytest.approx((1.0 + 3.0 + 0.0 + 3.6) / 4)


def test_doubly_robust_by_hand() -> None:
    assert doubly_robust(BY_HAND, EXPECTED).value == pytest.approx((1.0 + (3.0 + 4 * (2 - 3)) + 0.0 + 3.6) / 4)


def test_an_interval_is_that_of_a_mean() -> None:
    terms = np.array([1.0, 8.0, 0.0, 4.0])
    half = 1.959963984540054 * terms.std() / 2
    found = ips(BY_HAND)
    assert (found.lower, found.upper) == pytest.approx((terms.mean() - half, terms.mean() + half))


def test_support_by_hand() -> None:
    told = support(BY_HAND)
    assert (told.ess, told.max_weight, told.mean_weight, told.deficit) == (36 / 18, 4.0, 1.5, 0.0)


def test_the_logging_policy_itself_earned_what_was_seen() -> None:
    log, _, _ = random_world(1)
    uniform = Log(log.actions, np.full(1_000, 1 / 3), log.rewards, np.full((1_000, 3), 1 / 3))
    for found in (ips(uniform), snips(uniform)):
        assert found.value == pytest.approx(log.rewards.mean())


def test_shifted_rewards_shift_snips_as_much() -> None:
    log, _, _ = random_world(2)
    shifted = Log(log.actions, log.propensities, log.rewards + 100, log.target)
    assert snips(shifted).value - snips(log).value == pytest.approx(100)


def test_switch_dr_is_dr_where_no_weight_is_large() -> None:
    log, context, _ = random_world(3)
    calm = Log(log.actions, np.full(1_000, 1 / 3), log.rewards, np.full((1_000, 3), 1 / 3))
    expected = expectations(log, context)
    assert switch_dr(calm, expected).value == pytest.approx(doubly_robust(calm, expected).value)


WORLDS = examples(ci=60, soak=2_000)


@pytest.fixture(scope="module")
def told() -> dict[str, list[tuple[Estimate, float]]]:
    """Every estimator on many worlds, with the truth."""
    found: dict[str, list[tuple[Estimate, float]]] = {}
    for seed in range(WORLDS):
        log, context, truth = random_world(seed)
        for name, estimate in estimates(log, expectations(log, context)).items():
            found.setdefault(name, []).append((estimate, truth))
    return found


@pytest.mark.parametrize("name", ["ips", "snips", "dr", "switch_dr"])
def test_intervals_hold_the_truth_as_often_as_they_say(
    told: dict[str, list[tuple[Estimate, float]]], name: str
) -> None:
    """At least as often as chance allows (level .001) for coverage of 93 %: normal intervals of 1,000 rows."""
    held = sum(one.lower <= truth <= one.upper for one, truth in told[name])
    assert held >= binom.ppf(0.001, WORLDS, 0.93)


def test_the_model_makes_dr_less_noisy_than_ips(told: dict[str, list[tuple[Estimate, float]]]) -> None:
    errors = {name: np.sqrt(np.mean([(e.value - t) ** 2 for e, t in told[name]])) for name in ("ips", "dr")}
    assert errors["dr"] < 0.7 * errors["ips"]


def test_dr_is_unbiased_with_a_useless_model() -> None:
    off = []
    for seed in range(WORLDS):
        log, _, truth = random_world(seed)
        off.append(doubly_robust(log, np.full(log.target.shape, 7.0)).value - truth)
    assert abs(np.mean(off)) < 3.3 * np.std(off) / np.sqrt(len(off))


def test_a_row_is_never_judged_by_a_model_that_saw_it() -> None:
    seen: list[tuple[set[int], set[int]]] = []

    def fit(learnt: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        def judge(rows: np.ndarray) -> np.ndarray:
            seen.append(({*learnt.tolist()}, {*rows.tolist()}))
            return np.zeros((len(rows), 2))

        return judge

    cross_fitted(fit, np.arange(10) % 3, 2)
    assert all(not learnt & judged for learnt, judged in seen)
    assert set().union(*(judged for _, judged in seen)) == {*range(10)}


def test_too_little_support_is_refused_with_the_figure() -> None:
    log, _, _ = random_world(4, rows=200)
    rare = Log(log.actions, np.where(np.arange(200) == 0, 0.001, 1.0), log.rewards, log.target)
    assert "of its 200 rows" in (support(rare).refusal() or "")
    never = Log(np.zeros(200, dtype=np.int64), np.ones(200), log.rewards, np.tile([0.9, 0.1], (200, 1)))
    assert "10.0% of what the target does" in (support(never).refusal() or "")
    assert support(Log(log.actions, np.full(200, 1 / 3), log.rewards, np.full((200, 3), 1 / 3))).refusal() is None
