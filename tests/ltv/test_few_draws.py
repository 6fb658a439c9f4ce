"""Few draws stand for many, however unequal these are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv import large_beta_dropout, large_pareto_nbd
from ltv.few_draws import few_draws
from ltv.kernel_beta_dropout import BetaDropout
from ltv.kernel_pareto_nbd import ParetoNbd
from ltv.kernel_purchases import History
from tests.tiers import examples

NEW = History(0, 0.0, 0.0, 0.0)


@given(st.integers(0, 2**32), st.integers(1, 600), st.floats(0.0, 3.0))
@settings(max_examples=examples(ci=100, soak=5_000))
def test_the_mean_is_kept_and_so_is_the_number_of_draws(seed: int, size: int, spread: float) -> None:
    means = np.exp(spread * np.random.default_rng(seed).standard_normal(size))
    taken, weight = few_draws(means, 32)
    assert len(taken) <= 33
    assert len(np.unique(taken)) == len(taken)
    # In the order of the means, 32 steps miss no more than one of them at either end.
    assert weight @ means[taken] == pytest.approx(means.mean(), rel=0.1)
    assert weight.sum() == pytest.approx(1.0, abs=0.1)


def test_when_nothing_is_expected_of_any_draw_they_count_alike() -> None:
    taken, weight = few_draws(np.zeros(320), 32)
    assert len(taken) == pytest.approx(32, abs=1)
    assert weight == pytest.approx(np.full(len(taken), 1 / 32))


def test_a_pareto_nbd_draw_that_has_much_of_the_mean_counts_once() -> None:
    # Nearly all die within days; under one draw in 64 they may stay for years and has a fifth of all purchases.
    s = np.exp(1.0 + 0.3 * np.random.default_rng(3).standard_normal(64))
    s[0] = 0.8
    draws = ParetoNbd(np.column_stack([np.ones(64), np.ones(64), s, np.ones(64)]), 0, 1.0, 1.0)
    first, _ = large_pareto_nbd.moments(NEW, 3650.0, draws)
    assert first[0] > 0.15 * first.sum()
    assert large_pareto_nbd.law(NEW, 3650.0, np.ones(64), draws).mean == pytest.approx(first.mean(), rel=1e-4)


def test_a_bg_nbd_draw_that_has_much_of_the_mean_counts_once() -> None:
    a = np.full(512, 3.0)
    a[0] = 0.05
    one = np.ones(512)
    draws = BetaDropout(one, one, a, one, one[None], 1.0, 1.0, 0.05, 1.0, first_may_be_last=False)
    first, _ = large_beta_dropout.moments(NEW, 3650.0, draws)
    assert first[0] > 0.15 * first.sum()
    assert large_beta_dropout.law(NEW, 3650.0, one, draws).mean == pytest.approx(first.mean(), rel=1e-4)
