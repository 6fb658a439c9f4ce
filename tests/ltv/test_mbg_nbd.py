"""MBG/NBD: its published figure, its likelihood against a plain sum over customers, its gradient."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from scipy.special import betaln, gammaln

from ltv import bg_nbd_likelihood
from ltv.fit import fit
from ltv.rows import purchase_rows
from tests.ltv.cdnow import DAYS_PER_WEEK, calibration, rfm_table
from tests.ltv.test_bg_nbd_likelihood import parameters, tables
from tests.tiers import examples


def test_cdnow_sample_maximum_is_the_published_one(cdnow_sample: Path) -> None:
    table = calibration(cdnow_sample)
    model = fit(table, model="mbg_nbd", method="map", flat_priors=True)
    assert model.diagnostics.purchases.log_likelihood is not None
    repeats = float(np.asarray(table["frequency"]).sum())
    # Densities of times scale with their unit: one factor of 7 for each repeat purchase.
    in_weeks = model.diagnostics.purchases.log_likelihood + repeats * math.log(DAYS_PER_WEEK)
    assert in_weeks == pytest.approx(-9582.136, abs=0.001)


def one_by_one(params: np.ndarray, table: pa.Table) -> float:
    """Alive at T, or dropped out right after the last purchase, the first included: Batislam et al. (2007)."""
    r, alpha, a, b = params
    x, recency, age = (np.asarray(table[name], dtype=float) for name in ("frequency", "recency_days", "age_days"))
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x + 1) - betaln(a, b) - (r + x) * np.log(alpha + age)
    dropped = betaln(a + 1, b + x) - betaln(a, b) - (r + x) * np.log(alpha + recency)
    return float(np.sum(rate + np.logaddexp(alive, dropped)))


@given(parameters, tables)
@settings(max_examples=examples(ci=60, soak=10_000))
def test_the_weighted_sum_equals_the_sum_over_customers(params: np.ndarray, table: pa.Table) -> None:
    total = bg_nbd_likelihood.mbg_log_likelihood(params[None], purchase_rows(table))[0]
    assert total == pytest.approx(one_by_one(params, table), rel=1e-9, abs=1e-6)


@given(parameters, tables)
@settings(max_examples=examples(ci=60, soak=10_000))
def test_the_gradient_is_the_slope_of_the_likelihood(params: np.ndarray, table: pa.Table) -> None:
    rows = purchase_rows(table)
    value, gradient = bg_nbd_likelihood.mbg_log_likelihood_and_gradient(params, rows)
    assert math.isfinite(value)
    step = 1e-4
    at = params * np.exp(step * np.concatenate([np.eye(4), -np.eye(4)]))
    up, down = bg_nbd_likelihood.mbg_log_likelihood(at, rows).reshape(2, 4)
    scale = float(np.abs(gradient * params).max()) + 1e-9 * abs(value) / step
    np.testing.assert_allclose(gradient * params, (up - down) / (2 * step), rtol=1e-4, atol=1e-5 * (1 + scale))


def test_a_first_purchase_may_be_the_last_one() -> None:
    """A customer who never came back is less surely alive the longer ago that was; in the BG/NBD surely alive."""
    old, new = rfm_table([(0, 0.0, 900.0)]), rfm_table([(0, 0.0, 9.0)])
    params = np.array([[0.5, 40.0, 0.9, 1.6]])
    drop = [np.exp(bg_nbd_likelihood.mbg_log_likelihood(params, purchase_rows(table))[0]) for table in (old, new)]
    assert 0.9 / 2.5 < drop[0] < drop[1] < 1.0
