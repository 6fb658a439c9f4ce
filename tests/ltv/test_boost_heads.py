"""Heads: planted effects are found, noise is not, levels meet their totals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv.boost_heads import fit_head, level
from ltv.boost_inputs import INPUTS
from ltv.boost_losses import MORE, RETURNED, SOME, SPEND
from ltv.boost_rows import FOLDS, TargetRows
from ltv.boost_trees import correction
from tests.tiers import examples

ROWS = 4000
AMOUNT = list(INPUTS).index("amount_first_log")


def rows(effect: float, seed: int = 1) -> TargetRows:
    """Customers of whom those with a big first amount buy and spend exp(effect) times as much as the anchor says."""
    random = np.random.default_rng(seed)
    inputs = random.standard_normal((ROWS, len(INPUTS)))
    big = np.where(inputs[:, AMOUNT] > 0, effect, 0.0)
    hazard, more, spend = random.uniform(0.1, 0.8, ROWS), random.uniform(0.2, 1.0, ROWS), random.uniform(0.5, 2.0, ROWS)
    bought = random.random(ROWS) < -np.expm1(-hazard * np.exp(big))
    purchases = bought * (1.0 + random.poisson(more * np.exp(big)))
    paid = bought * random.gamma(4.0, spend * np.exp(big) / 4.0)
    returned = paid * (random.random(ROWS) < 0.2 * np.exp(big))
    return TargetRows(inputs, random.integers(0, FOLDS, ROWS), hazard, more, spend, purchases, paid, returned)


@pytest.mark.parametrize("name", [SOME, MORE, SPEND, RETURNED])
def test_a_planted_effect_is_found(name: str) -> None:
    head = fit_head(name, [rows(0.8)], seed=0)
    fresh = rows(0.8, seed=2).inputs
    added = correction(head.trees, fresh)
    big = fresh[:, AMOUNT] > 0
    assert added[big].mean() - added[~big].mean() == pytest.approx(0.8, abs=0.3)
    assert head.loss < head.loss_without


@pytest.mark.parametrize("name", [SOME, MORE, SPEND])
def test_pure_noise_is_hardly_followed(name: str) -> None:
    head = fit_head(name, [rows(0.0)], seed=0)
    assert np.abs(correction(head.trees, rows(0.0, seed=2).inputs)).mean() < 0.05


def test_few_customers_teach_nothing() -> None:
    few = rows(0.8)
    few = replace(few, **{name: getattr(few, name)[:60] for name in few.__slots__})
    assert fit_head(SPEND, [few], seed=0).trees == b""


def test_the_same_rows_and_seed_give_the_same_bytes() -> None:
    assert fit_head(SPEND, [rows(0.5)], seed=3).trees == fit_head(SPEND, [rows(0.5)], seed=3).trees


def test_a_level_common_to_all_is_not_learnt() -> None:
    high = rows(0.0)
    high = replace(high, hazard=high.hazard / 3.0, spend=high.spend / 3.0)
    for name in (SOME, SPEND):
        assert np.abs(correction(fit_head(name, [high], seed=0).trees, high.inputs)).mean() < 0.06


def test_who_paid_more_first_is_never_forecast_to_pay_less() -> None:
    head = fit_head(SPEND, [rows(0.8)], seed=0)
    steps = np.tile(rows(0.8, seed=2).inputs[:1], (50, 1))
    steps[:, AMOUNT] = np.linspace(-3, 3, 50)
    assert np.all(np.diff(correction(head.trees, steps)) >= 0)


@settings(max_examples=examples(ci=50, soak=2000), deadline=None)
@given(margin=st.lists(st.floats(-4.0, 2.0), min_size=1, max_size=20), share=st.floats(0.05, 0.95))
def test_levels_meet_their_totals(margin: list[float], share: float) -> None:
    at = np.array(margin)
    total = share * len(at)
    assert -np.expm1(-np.exp(at + level(SOME, at, total))).sum() == pytest.approx(total, rel=1e-6)
    assert np.exp(at + level(SPEND, at, total)).sum() == pytest.approx(total, rel=1e-9)


def test_a_total_that_no_level_can_meet_leaves_it_alone() -> None:
    at = np.zeros(3)
    assert (level(SOME, at, 0.0), level(SOME, at, 3.0), level(SPEND, at, 0.0)) == (0.0, 0.0, 0.0)
