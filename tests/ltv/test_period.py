"""The factor that periods share: learnt from totals at origins, and what it does to totals' intervals."""

import numpy as np
import pytest
from scipy import stats

from ltv.period import BELIEVED, BELIEVED_ORIGINS, period_factors, period_sd
from ltv.totals import Totals


def interval(origins: int, scale: float) -> float:
    """Sd of the normal law with the central 90 % interval of Student's t of that scale."""
    return scale * float(stats.t.ppf(0.95, BELIEVED_ORIGINS + origins) / stats.norm.ppf(0.95))


def test_without_origins_it_is_what_is_believed_beforehand() -> None:
    assert period_sd([], []) == pytest.approx(interval(0, BELIEVED))


@pytest.mark.parametrize("forecast", [0.0, np.inf, np.nan])
def test_origins_without_a_figure_tell_nothing(forecast: float) -> None:
    assert period_sd([0.0, 10.0], [np.full(512, 5.0), np.full(512, forecast)]) == period_sd([], [])


def test_origins_better_than_chance_leave_no_less_than_a_share_of_the_belief() -> None:
    exact = [np.array([0.5, 2.0])] * 2
    assert period_sd([1.0, 1.0], exact) == pytest.approx(interval(2, BELIEVED * np.sqrt(BELIEVED_ORIGINS / 4)))


def test_few_origins_leave_it_wider_than_many_that_say_the_same() -> None:
    came = np.exp(BELIEVED)
    few, many = (period_sd([came] * origins, [np.ones(9)] * origins) for origins in (3, 90))
    assert (few, many) == pytest.approx((interval(3, BELIEVED), interval(90, BELIEVED)))
    assert few > many


def test_a_known_spread_is_found_again_beside_the_totals_own() -> None:
    """200 origins, periods of sd .3 beside forecasts of sd .2: within .05."""
    random = np.random.default_rng(0)
    forecasts = [1_000.0 * np.exp(0.2 * random.standard_normal(512)) for _ in range(200)]
    came = 1_000.0 * np.exp(0.3 * random.standard_normal(200)) * np.exp(0.2 * random.standard_normal(200))
    assert period_sd(came.tolist(), forecasts) == pytest.approx(0.3, abs=0.05)


def test_what_the_totals_own_draws_explain_is_not_counted_again() -> None:
    random = np.random.default_rng(1)
    forecasts = [1_000.0 * np.exp(0.2 * random.standard_normal(512)) for _ in range(200)]
    assert period_sd((1_000.0 * np.exp(0.2 * random.standard_normal(200))).tolist(), forecasts) < 0.06


def test_a_forecast_that_is_always_a_fifth_too_low_is_that_uncertain() -> None:
    assert period_sd([1.25] * 90, [np.ones(512)] * 90) == pytest.approx(np.log(1.25), rel=0.02)


def test_factors_have_mean_1_and_the_spread() -> None:
    factors = period_factors(0.3, 4_096, seed=0)
    assert factors.mean() == pytest.approx(1.0, rel=1e-12)
    assert np.log(factors).std() == pytest.approx(0.3, rel=0.01)
    assert np.array_equal(period_factors(0.0, 512, seed=0), np.ones(512))


def test_all_groups_share_the_factor_and_the_base_is_their_sum() -> None:
    totals = Totals([30, 90], 8)
    groups = totals.groups(["a", "b"])
    totals.sums[:] = 100.0
    totals.add_means(groups, np.array([5.0, 5.0]), np.full((2, 2), 20.0), np.full((2, 2), 20.0))
    plain, shaken = (totals.table(3, sd).to_pydict()["draws"] for sd in (0.0, 0.2))
    ratio = np.array(shaken) / np.array(plain)
    assert ratio == pytest.approx(np.broadcast_to(period_factors(0.2, 512, seed=3), ratio.shape))
    assert np.array(shaken[:4]) == pytest.approx(np.array(shaken[4:8]) + np.array(shaken[8:]))
