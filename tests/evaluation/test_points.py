"""Figures of mean forecasts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from farview.evaluation.points import correlation, decile_lift, mae, ratio, rmse, spearman

ACTUAL, FORECAST = np.array([0.0, 2.0, 4.0]), np.array([1.0, 2.0, 6.0])
# Apart by either nothing or more than rounding.
grid = st.integers(-50, 50).map(lambda k: k / 4)


def test_figures_by_hand() -> None:
    assert (ratio(ACTUAL, FORECAST), mae(ACTUAL, FORECAST)) == (1.5, 1.0)
    assert rmse(ACTUAL, FORECAST) == pytest.approx(np.sqrt(5 / 3))


@given(st.lists(st.tuples(grid, grid), min_size=3, max_size=40))
def test_correlations_are_scipys_where_it_has_one(pairs) -> None:  # type: ignore[no-untyped-def]
    actual, forecast = np.array(pairs).T
    if np.ptp(actual) == 0 or np.ptp(forecast) == 0:
        assert (correlation(actual, forecast), spearman(actual, forecast)) == (None, None)
    else:
        assert correlation(actual, forecast) == pytest.approx(stats.pearsonr(actual, forecast)[0], abs=1e-9)
        assert spearman(actual, forecast) == pytest.approx(stats.spearmanr(actual, forecast)[0], abs=1e-9)


def test_tiny_units_still_have_a_correlation() -> None:
    assert correlation(ACTUAL * 1e-200, FORECAST * 1e200) == pytest.approx(correlation(ACTUAL, FORECAST))


def test_the_ratio_to_nothing_is_none() -> None:
    assert ratio(np.zeros(3), FORECAST) is None


def test_nothing_forecast_of_a_net_loss_has_ratio_0_without_a_sign() -> None:
    assert str(ratio(np.array([-2.0, 1.0]), np.zeros(2))) == "0.0"


def test_decile_lifts_by_hand() -> None:
    actual = np.r_[np.full(10, 9.0), np.full(90, 1.0)]
    lift = decile_lift(actual, actual)
    assert lift is not None
    assert lift.tolist() == pytest.approx([5.0] + [1 / 1.8] * 9)


def test_decile_lifts_of_a_constant_forecast_are_1() -> None:
    lift = decile_lift(np.arange(25.0), np.zeros(25))
    assert lift is not None
    assert lift.tolist() == pytest.approx([1.0] * 10)
