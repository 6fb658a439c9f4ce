"""Forecasts against closed forms, on CDNOW customers."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core import quantile_grid as grid
from ltv import bg_nbd
from ltv.bg_nbd import BgNbd
from ltv.gamma_gamma import GammaGamma, expected_level
from ltv.model import BtydModel
from tests.ltv.cdnow import CALIBRATION_END, calibration, rfm_table
from tests.ltv.predictive import HORIZONS_DAYS, forecast, known_model, some_customers
from tests.tiers import examples


@pytest.fixture(scope="module")
def model() -> BtydModel:
    return known_model()


@pytest.fixture(scope="module")
def customers(cdnow_full: Path) -> pa.Table:
    return some_customers(calibration(cdnow_full), examples(ci=200, soak=2000))


@pytest.fixture(scope="module")
def forecasts(model: BtydModel, customers: pa.Table) -> pa.Table:
    return forecast(model, customers)


def purchase_histories(customers: pa.Table) -> bg_nbd.Histories:
    x, recency, age = (
        customers[name].to_numpy().astype(np.float64) for name in (c.FREQUENCY, c.RECENCY_DAYS, c.AGE_DAYS)
    )
    return bg_nbd.Histories(x, recency, age)


def test_mean_purchases_are_the_closed_form_averaged_over_draws(
    model: BtydModel, customers: pa.Table, forecasts: pa.Table
) -> None:
    of_rows = purchase_histories(customers)
    seen = forecasts["purchases_mean"].to_numpy().reshape(-1, len(HORIZONS_DAYS))
    for h, days in enumerate(HORIZONS_DAYS):
        expected = bg_nbd.expected_purchases(BgNbd.of_draws(model.purchase_draws), of_rows, float(days)).mean(axis=0)
        np.testing.assert_allclose(seen[:, h], expected, rtol=1e-6)


def test_p_alive_is_the_closed_form_averaged_over_draws(
    model: BtydModel, customers: pa.Table, forecasts: pa.Table
) -> None:
    expected = bg_nbd.probability_alive(BgNbd.of_draws(model.purchase_draws), purchase_histories(customers))
    seen = forecasts["p_alive"].to_numpy().reshape(-1, len(HORIZONS_DAYS))
    np.testing.assert_allclose(seen, np.repeat(expected.mean(axis=0)[:, None], 3, axis=1), rtol=1e-9)


def test_mean_value_is_mean_purchases_times_the_expected_spend_level(
    model: BtydModel, customers: pa.Table, forecasts: pa.Table
) -> None:
    p, q, v = (model.spend_draws[:, i : i + 1] for i in range(3))
    x, spend = (customers[name].to_numpy().astype(np.float64) for name in ("frequency", "repeat_spend_mean"))
    level = np.repeat(expected_level(GammaGamma(p, q, v), x, spend).mean(axis=0), 3)
    for column in ("value_mean", "expected_value_mean"):
        np.testing.assert_allclose(forecasts[column], forecasts["purchases_mean"].to_numpy() * level, rtol=1e-12)


def test_the_count_law_is_equation_8_of_fader_hardie_lee() -> None:
    single = known_model(1)
    r, alpha, a, b = single.purchase_draws[0]
    x, recency, age, days = 4, 120.0, 200.0, 182.0
    table = rfm_table([(x, recency, age)])
    row = forecast(single, table, [int(days)])
    alive = bg_nbd.probability_alive(
        BgNbd(r, alpha, a, b), bg_nbd.Histories(*(np.array([t]) for t in (x, recency, age)))
    )
    pmf = alive * bg_nbd.purchase_pmf(BgNbd(r + x, alpha + age, a, b + x), days, 12)
    pmf[0] += 1.0 - alive[0]
    assert row["purchases_p_zero"][0].as_py() == pytest.approx(pmf[0], rel=1e-9)
    cells = grid.cdf(grid.law_of(row, c.PURCHASES), np.arange(13.0)[None, :])[0]
    np.testing.assert_allclose(cells, np.cumsum(pmf), atol=0.002)


def test_half_of_the_first_purchases_fall_before_the_median_date(model: BtydModel, customers: pa.Table) -> None:
    """By the law itself: P(a purchase by the median) is half of P(a purchase within the horizon), to a day."""
    customers = customers.take(pa.array(range(0, len(customers), 10)))
    row = forecast(model, customers, [365])
    waits = [(day.as_py() - CALIBRATION_END).days for day in row["median_next_purchase_date"]]
    for i, wait in enumerate(waits):
        before, after, whole = (
            1.0 - forecast(model, customers.slice(i, 1), [days])["purchases_p_zero"][0].as_py()
            for days in (max(wait - 1, 1), wait, 365)
        )
        assert before <= whole / 2 + 1e-9 or wait == 1
        assert after >= whole / 2 - 1e-9
