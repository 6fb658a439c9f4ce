"""The method for large counts agrees with the exact one where both can be used."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from farview.core import quantile_grid as grid
from ltv import kernel_beta_dropout, kernel_rows, large_beta_dropout
from ltv.kernel_beta_dropout import BetaDropout
from ltv.kernel_purchases import LARGEST_COUNT, History, State, Survival
from ltv.tables import Tables
from tests.ltv.cdnow import rfm_table
from tests.ltv.predictive import forecast, histories, known_model, simulate

MODEL = known_model()
CASES = [
    (History(0, 0.0, 0.0, 0.0), 3650.0),
    (History(2, 30.0, 90.0, 40.0), 365.0),
    (History(40, 250.0, 270.0, 900.0), 365.0),
    (History(300, 360.0, 365.0, 3000.0), 730.0),
]


def stepped(history: History, horizon: float) -> tuple[Survival, int, BetaDropout, State]:
    tables = Tables(MODEL, seed=1)
    tables.reach(2 * LARGEST_COUNT)
    draws = tables.whole_numbers()[0].purchases
    state = State(*np.empty((2, len(draws.r))))
    kernel_beta_dropout.observe(history, draws, state)
    out = Survival(np.zeros(LARGEST_COUNT + 2), *np.empty((6, len(draws.r))))
    return out, kernel_beta_dropout.survival(history, horizon, state, draws, out), draws, state


@pytest.mark.parametrize(("history", "horizon"), CASES)
def test_moments_by_integration_are_those_of_the_survival_function(history: History, horizon: float) -> None:
    out, length, draws, state = stepped(history, horizon)
    assert length > 0
    first, second = large_beta_dropout.moments(history, horizon, draws)
    np.testing.assert_allclose(first * state.alive, out.first, rtol=1e-6)
    np.testing.assert_allclose(second * state.alive, out.second, rtol=1e-4)


@pytest.mark.parametrize(("history", "horizon"), CASES)
def test_survival_by_incomplete_beta_is_that_of_the_recurrence(history: History, horizon: float) -> None:
    out, length, draws, state = stepped(history, horizon)
    law = large_beta_dropout.law(history, horizon, state.alive, draws)
    n = law.n[law.n <= length].astype(np.int64)
    np.testing.assert_allclose(law.at_least[: len(n)], out.at_least[n], atol=0.005)
    assert law.at_least[0] == pytest.approx(out.at_least[1], rel=1e-9)


def test_both_methods_give_nearly_the_same_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    customers = rfm_table([(0, 0.0, 5.0), (3, 100.0, 140.0), (60, 350.0, 365.0)], spends=[0.0, 30.0, 12.0])
    exact = forecast(MODEL, customers, [365])
    monkeypatch.setattr("ltv.scorer.value_rows", _mark_all_large)
    other = forecast(MODEL, customers, [365])
    for measure in ("purchases", "value"):
        laws = [grid.law_of(table, measure) for table in (exact, other)]
        for y in (0.0, 1.0, 20.0, 100.0, 1000.0):
            first, second = (grid.cdf(law, np.full(3, y)) for law in laws)
            np.testing.assert_allclose(first, second, atol=0.01)
        np.testing.assert_allclose(exact[f"{measure}_mean"], other[f"{measure}_mean"], rtol=1e-6)
        np.testing.assert_allclose(exact[f"{measure}_sd"], other[f"{measure}_sd"], rtol=1e-3)


def _mark_all_large(
    rows: kernel_rows.Rows, nodes: object, laws: kernel_rows.PurchaseLaws, levels: object, out: object
) -> None:
    laws.status[:] = kernel_rows.COUNTS_LARGE


def test_a_customer_of_ten_thousand_purchases_follows_draws() -> None:
    customers = rfm_table([(10_000, 3604.5, 3605.0)], spends=[4.0])
    row = forecast(MODEL, customers, [365])
    drawn = simulate(MODEL, histories(customers)[0], 365.0, 40_000, seed=1)
    for measure, values in (("purchases", drawn.purchases), ("value", drawn.value)):
        law = grid.law_of(row, measure)
        assert row[f"{measure}_mean"][0].as_py() == pytest.approx(values.mean(), rel=0.01)
        assert row[f"{measure}_sd"][0].as_py() == pytest.approx(values.std(), rel=0.02)
        for level in (0.1, 0.5, 0.9):
            assert grid.cdf(law, np.array([np.quantile(values, level)]))[0] == pytest.approx(level, abs=0.015)


def test_regular_spend_keeps_the_steps_of_its_counts() -> None:
    """Everybody pays about 10 a purchase: value beyond 15 is a second purchase."""
    single = known_model(1)
    model = type(single)(single.purchase_draws, np.array([[1e5, 1e5, 10.0]]), single.diagnostics, single.priors)
    customers = pa.Table.from_batches(rfm_table([(2, 100.0, 150.0)], spends=[10.0]).to_batches())
    row = forecast(model, customers, [365])
    purchases, value = grid.law_of(row, "purchases"), grid.law_of(row, "value")
    for n in (1, 2, 3):
        seen = grid.cdf(value, np.array([10.0 * n + 5.0]))[0]
        assert seen == pytest.approx(grid.cdf(purchases, np.array([float(n)]))[0], abs=0.012)


def test_today_is_a_date() -> None:
    row = forecast(MODEL, rfm_table([(10_000, 3604.5, 3605.0)], spends=[4.0]), [365]).to_pylist()[0]
    assert isinstance(row["median_next_purchase_date"], date)
