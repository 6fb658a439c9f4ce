"""Fitting end to end: published maxima, recovery of a known truth, data that say little, arguments that say nothing."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput
from ltv.fit import fit
from ltv.inference import laplace, psis
from ltv.model import BtydModel
from tests.ltv.cdnow import DAYS_PER_WEEK, calibration, rfm_table
from tests.tiers import examples


def in_weeks(model: BtydModel) -> np.ndarray:
    return model.purchase_draws[0] / np.array([1, DAYS_PER_WEEK, 1, 1])


def log_likelihood_in_weeks(model: BtydModel, table: pa.Table) -> float:
    """Densities of times scale with their unit: one factor of 7 for each repeat purchase."""
    assert model.diagnostics.purchases.log_likelihood is not None
    repeats = float(np.asarray(table["frequency"]).sum())
    return model.diagnostics.purchases.log_likelihood + repeats * float(np.log(DAYS_PER_WEEK))


def simulated(customers: int, seed: int) -> pa.Table:
    """BG/NBD customers (r .25, alpha 30 days, a .8, b 2.5), Gamma-Gamma spend (p 6, q 4, v 15), 100-300 days old."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.25, 1 / 30, customers)
    dropout = rng.beta(0.8, 2.5, customers)
    age = rng.integers(100, 300, customers).astype(float)
    frequency, recency = np.zeros(customers, dtype=int), np.zeros(customers)
    alive, now = np.ones(customers, dtype=bool), np.zeros(customers)
    while alive.any():
        now[alive] += rng.exponential(size=int(alive.sum())) / np.maximum(rate[alive], 1e-300)
        bought = alive & (now <= age)
        frequency[bought] += 1
        recency[bought] = now[bought]
        alive = bought & (rng.uniform(size=customers) >= dropout)
    nu = rng.gamma(4, 1 / 15, customers)
    spend = np.where(frequency > 0, rng.gamma(6 * np.maximum(frequency, 1)) / np.maximum(frequency, 1) / nu, 0)
    return rfm_table(list(zip(frequency.tolist(), recency.tolist(), age.tolist(), strict=True)), spend.tolist())


def test_cdnow_sample_maximum_matches_fader_hardie_lee_2005(cdnow_sample: Path) -> None:
    table = calibration(cdnow_sample)
    model = fit(table, method="map", flat_priors=True)
    assert log_likelihood_in_weeks(model, table) == pytest.approx(-9582.429, abs=0.001)
    assert np.round(in_weeks(model), 3) == pytest.approx(np.round([0.2426, 4.4136, 0.7929, 2.4259], 3), abs=1e-9)


def test_cdnow_full_maximum_matches_the_published_one(cdnow_full: Path) -> None:
    table = calibration(cdnow_full)
    model = fit(table, method="map", flat_priors=True)
    assert log_likelihood_in_weeks(model, table) == pytest.approx(-95_368.44, abs=0.01)
    assert in_weeks(model) == pytest.approx([0.2516, 4.789, 0.7235, 2.161], abs=5e-4)


def test_cdnow_sample_spend_maximum_matches_fader_hardie_2013(cdnow_sample: Path) -> None:
    model = fit(calibration(cdnow_sample), method="map", flat_priors=True)
    assert np.round(model.spend_draws[0], 2) == pytest.approx([6.25, 3.74, 15.44], abs=1e-9)
    assert model.diagnostics.spend.log_likelihood == pytest.approx(-4055.918, abs=0.001)


def test_laplace_trusts_itself_on_cdnow(cdnow_sample: Path) -> None:
    parts = fit(calibration(cdnow_sample)).diagnostics
    for part in (parts.purchases, parts.spend):
        assert part.method == "laplace"
        assert part.k_hat is not None
        assert part.k_hat < psis.highest_trusted_k(laplace.DRAWS)
        assert part.effective_size is not None
        assert part.effective_size >= 2000


def test_kept_draws_have_the_posterior_mean_that_all_draws_have(cdnow_sample: Path) -> None:
    model = fit(calibration(cdnow_sample))
    for draws, part in (
        (model.purchase_draws, model.diagnostics.purchases),
        (model.spend_draws, model.diagnostics.spend),
    ):
        distance = np.abs(draws.mean(axis=0) - part.posterior_mean) / np.array(part.posterior_sd)
        assert draws.shape[0] == 512
        assert np.all(distance < 0.01)


def test_a_known_truth_is_inside_the_posterior_as_often_as_it_should_be() -> None:
    # Rank of the truth among posterior draws is near uniform; over n fits the count of truths inside central 90 %
    # intervals is binomial. Level: the bound is left with probability below 1e-3 a parameter when coverage is right.
    fits = examples(ci=6, soak=60)
    truth = np.array([0.25, 30.0, 0.8, 2.5, 6.0, 4.0, 15.0])
    inside = np.zeros(7)
    for seed in range(fits):
        model = fit(simulated(4000, seed), seed=seed)
        low, high = np.quantile(np.hstack([model.purchase_draws, model.spend_draws]), [0.05, 0.95], axis=0)
        inside += (low <= truth) & (truth <= high)
    least = fits * 0.9 - 3.3 * np.sqrt(fits * 0.09) - 0.5
    assert np.all(inside >= least), inside / fits


DEGENERATE = {
    "nobody came back": rfm_table([(0, 0.0, float(age)) for age in range(50)]),
    "a single customer": rfm_table([(2, 10.0, 30.0)]),
    "a single new customer": rfm_table([(0, 0.0, 0.0)]),
    "everybody new today": rfm_table([(0, 0.0, 0.0)] * 100),
    "all spends identical": rfm_table([(3, 20.0, 40.0), (1, 5.0, 40.0)] * 500),
    "all spends zero": rfm_table([(3, 20.0, 40.0), (1, 5.0, 40.0)] * 50, [0.0] * 100),
    "everybody alike": rfm_table([(5, 50.0, 50.0)] * 1000),
    "everybody dropped out": rfm_table([(1, 1.0, 1000.0)] * 1000),
    "very frequent buyers": rfm_table([(10_000, 9_999.0, 10_000.0), (9_000, 5_000.0, 10_000.0), (0, 0.0, 10_000.0)]),
    "the odd rows": rfm_table([(221, 103.42857, 103.57143), (161, 94.71429, 98.0), (204, 98.57143, 99.42857)]),
    "tiny money": rfm_table([(3, 20.0, 40.0), (1, 5.0, 40.0)] * 50, [1e-6 * (1 + i % 7) for i in range(100)]),
    "huge money": rfm_table([(3, 20.0, 40.0), (1, 5.0, 40.0)] * 50, [1e12 * (1 + i % 7) for i in range(100)]),
}


@pytest.mark.parametrize("method", ["laplace", "map"])
@pytest.mark.parametrize("table", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_data_that_say_little_leave_a_finite_proper_posterior(table: pa.Table, method: str) -> None:
    model = fit(table, method=method)  # type: ignore[arg-type]
    draws = np.hstack([model.purchase_draws, model.spend_draws])
    assert np.all(np.isfinite(draws))
    assert np.all(draws > 0)
    assert np.all(model.spend_draws[:, 1] > 1)
    assert {model.diagnostics.purchases.method, model.diagnostics.spend.method} == {method}


@pytest.mark.parametrize("name", ["nobody came back", "all spends zero"])
def test_spend_without_paid_repeats_is_the_prior_and_says_so(name: str) -> None:
    model = fit(DEGENERATE[name])
    assert any("the prior's guess" in warning for warning in model.diagnostics.warnings)


def test_a_fit_of_cdnow_warns_of_nothing(cdnow_sample: Path) -> None:
    assert fit(calibration(cdnow_sample)).diagnostics.warnings == ()


def test_maximum_likelihood_refuses_data_without_a_maximum() -> None:
    with pytest.raises(InvalidInput, match="nobody came back"):
        fit(DEGENERATE["nobody came back"], method="map", flat_priors=True)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="method: 'advi' is not known; use one of laplace, map, nuts"):
        fit(DEGENERATE["a single customer"], method="advi")  # type: ignore[arg-type]


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="model: 'oracle' is not known; use one of bg_nbd"):
        fit(DEGENERATE["a single customer"], model="oracle")


def test_flat_priors_are_refused_where_draws_are_asked_for() -> None:
    with pytest.raises(InvalidInput, match="flat_priors"):
        fit(DEGENERATE["a single customer"], flat_priors=True)


def test_no_customers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="there is no customer"):
        fit(rfm_table([]))
