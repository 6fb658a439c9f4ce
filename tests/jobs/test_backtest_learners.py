"""Boosted model, combination and what they correct fitted by a backtest: with returns, and to hardly anybody."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from farview.core import schemas
from farview.simulation.bg_nbd import simulate_events
from jobs.backtest_fits import Fits, fit_each
from jobs.backtest_models import candidates, with_totals_of_a_period
from jobs.past import Past, past_of
from jobs.period_effect import past_of_some, period_sd_of, with_period
from jobs.progress import Silent
from jobs.value_models import predict_by
from ltv.boost_fit import fit_boost
from ltv.boost_model import BoostModel
from tests.tiers import examples

LEARNERS = {
    name: candidates(seed=0)[name]
    for name in ("bg_nbd", *examples(ci=("boost",), soak=("boost", "gru", "transformer", "combination")))
}
CUSTOMERS = examples(ci=300, soak=700)
HORIZON_DAYS = 45


@pytest.fixture(scope="module")
def past() -> Past:
    """Customers who send a fifth of what they buy back the day after."""
    bought = pa.Table.from_batches(simulate_events(CUSTOMERS, seed=8))
    back = pc.add(bought["time"], pa.scalar(timedelta(days=1), pa.duration("us")))
    returns = pa.table([bought["customer_id"], back, pc.multiply(bought["amount"], -0.2)], schema=schemas.EVENTS)
    return past_of(pa.concat_tables([bought, returns]).combine_chunks(), date(1997, 7, 31), "UTC")


@pytest.fixture(scope="module")
def fits(past: Past) -> Fits:
    return fit_each(past, LEARNERS, HORIZON_DAYS, Silent())


def test_each_forecasts_every_customer(past: Past, fits: Fits) -> None:
    assert not fits.failures
    for forecasts in fits.forecasts.values():
        assert len(forecasts.value.mean) == past.rfm.num_rows


@pytest.mark.parametrize("name", LEARNERS)
def test_net_value_is_gross_value_less_what_comes_back(fits: Fits, name: str) -> None:
    forecasts = fits.forecasts[name]
    assert np.all(forecasts.value.mean <= forecasts.gross_value.mean)
    assert forecasts.value.mean.sum() / forecasts.gross_value.mean.sum() == pytest.approx(0.8, abs=0.05)


def test_totals_of_a_model_that_knows_no_returns_are_net_of_what_came_back_so_far(past: Past, fits: Fits) -> None:
    forecasts = fits.forecasts["bg_nbd"]
    assert forecasts.totals is not None
    totals = {row["measure"]: row for row in forecasts.totals.to_pylist() if row["group_kind"] == "base"}
    assert totals["value"]["mean"] == pytest.approx(forecasts.value.mean.sum(), rel=1e-6)
    assert totals["purchases"]["mean"] == pytest.approx(forecasts.purchases.mean.sum(), rel=1e-6)
    assert np.mean(totals["value"]["draws"]) == pytest.approx(totals["value"]["mean"], rel=0.05)


def test_totals_lean_on_the_pair_that_boost_corrects_and_widen_by_its_periods(past: Past, fits: Fits) -> None:
    made = fits.forecasts["boost"]
    assert made.leans_on == {"bg_nbd+first_spend": 1}
    model = fit_boost(past.events, past.cut, past.zone)
    learnt = with_period(model, past.events.to_reader, past.cut, past.zone, 0)
    assert isinstance(learnt, BoostModel)
    some = past_of_some(past.events.to_reader, past.as_of, past.zone)
    assert learnt.period_sd == learnt.anchor.period_sd == period_sd_of("bg_nbd+first_spend", 1, some, 0) > 0.0
    shown = with_totals_of_a_period(made, learnt.period_sd, 0)
    of_version = predict_by(learnt, past, 0)(HORIZON_DAYS)
    assert shown.totals is not None
    assert of_version.totals is not None
    np.testing.assert_allclose(shown.totals["draws"].to_pylist(), of_version.totals["draws"].to_pylist(), rtol=1e-9)


def test_too_little_history_is_forecast_with_a_note() -> None:
    rows = [
        {"customer_id": f"c{k}", "time": datetime(2024, 1, 1 + k % 3, tzinfo=UTC), "amount": 10.0 + k}
        for k in range(12)
    ]
    events = pa.Table.from_pylist(rows, schema=schemas.EVENTS)
    fits = fit_each(past_of(events, date(2024, 1, 4), "UTC"), {"boost": LEARNERS["boost"]}, 30, Silent())
    assert not fits.failures
    assert "too short" in fits.forecasts["boost"].warnings[-1]
