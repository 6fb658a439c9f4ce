"""Weibull AFT: published figures, slopes by differences, recovery of known hazards with delayed entry."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation.spells import Spells
from ltv.survival import goes_on
from ltv.survival_weibull import WeibullAft, _Likelihood, fit_weibull
from tests.ltv.survival_worlds import COEFFICIENTS, INTERCEPT, SHAPE, world

ROSSI = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
TRUTH = np.array([INTERCEPT, *COEFFICIENTS, np.log(SHAPE)])


def rossi() -> tuple[Spells, np.ndarray]:
    """432 prisoners and the week of their arrest (Rossi, Berk, Lenihan 1980)."""
    from lifelines.datasets import load_rossi

    frame = load_rossi()
    spells = Spells.watched_from_the_beginning(
        frame["week"].to_numpy().astype(np.float64), frame["arrest"].to_numpy() == 1
    )
    return spells, frame[list(ROSSI)].to_numpy().astype(np.float64)


def parameters(model: WeibullAft) -> np.ndarray:
    return np.array([model.intercept, *model.coefficients, model.log_shape])


def test_the_recidivism_study_has_the_published_estimates() -> None:
    """survreg in R and lifelines' manual; ln L -679.917."""
    model = fit_weibull(*rossi())
    assert model.intercept == pytest.approx(3.99012, abs=2e-4)
    assert model.coefficients == pytest.approx(
        [0.27217, 0.04071, -0.22481, 0.10655, 0.31126, 0.05882, -0.06582], abs=2e-4
    )
    assert model.log_shape == pytest.approx(0.33910, abs=2e-4)
    assert model.log_likelihood == pytest.approx(-679.9166, abs=2e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, about lifelines
def test_standard_errors_are_those_of_lifelines() -> None:
    from lifelines import WeibullAFTFitter
    from lifelines.datasets import load_rossi

    fitter = WeibullAFTFitter().fit(load_rossi(), "week", "arrest")
    errors = fitter.standard_errors_
    expected = [errors["lambda_", "Intercept"], *(errors["lambda_", name] for name in ROSSI), errors["rho_"].iloc[0]]
    assert fit_weibull(*rossi()).standard_errors == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("step", [0.0, 1.0])
def test_slope_and_curvature_are_those_of_the_likelihood(step: float) -> None:
    known = world(n=200, whole=step > 0)
    terms = _Likelihood(np.column_stack([np.ones(200), known.covariates]), known.spells, step, 3.0)
    rng = np.random.default_rng(1)
    for _ in range(5):
        theta = rng.normal(0, 0.5, 4)
        assert check_grad(terms.loss, terms.slope, theta) < 1e-3 * (1 + np.abs(terms.slope(theta)).max())
        for column in range(4):
            bent = check_grad(lambda t, k=column: terms.slope(t)[k], lambda t, k=column: terms.curvature(t)[k], theta)
            assert bent < 1e-3 * (1 + np.abs(terms.curvature(theta)).max())


@pytest.mark.parametrize("delayed", [False, True])
def test_known_hazards_are_recovered(delayed: bool) -> None:
    """Four parameters in each of two worlds: beyond 4 standard errors by chance with probability .0005."""
    known = world(delayed=delayed)
    model = fit_weibull(known.spells, known.covariates)
    assert np.abs((parameters(model) - TRUTH) / model.standard_errors).max() < 4


def test_known_hazards_are_recovered_from_ends_rounded_to_whole_months() -> None:
    known = world(whole=True)
    model = fit_weibull(known.spells, known.covariates, step=1.0)
    assert np.abs((parameters(model) - TRUTH) / model.standard_errors).max() < 4


def test_rounded_ends_taken_as_exact_mislead() -> None:
    known = world(whole=True)
    model = fit_weibull(known.spells, known.covariates)
    assert np.abs((parameters(model) - TRUTH) / model.standard_errors).max() > 8


def test_ignoring_delayed_entry_overstates_how_long_all_last() -> None:
    known = world()
    plain = Spells.watched_from_the_beginning(known.spells.exit, known.spells.ended)
    assert fit_weibull(plain, known.covariates).intercept > INTERCEPT + 0.3


def test_the_unit_of_time_moves_the_intercept_alone() -> None:
    known = world(n=1500)
    days = Spells(known.spells.entry * 30, known.spells.exit * 30, known.spells.ended)
    months, shifted = fit_weibull(known.spells, known.covariates), fit_weibull(days, known.covariates)
    assert parameters(shifted) - parameters(months) == pytest.approx([np.log(30), 0, 0, 0], abs=1e-5)


def test_clusters_of_copies_have_the_errors_of_one_copy() -> None:
    known = world(n=1500)
    copies = np.repeat(np.arange(1500), 4)
    once = fit_weibull(known.spells, known.covariates, clusters=np.arange(1500))
    many = fit_weibull(known.spells.take(copies), known.covariates[copies], clusters=copies)
    assert many.standard_errors == pytest.approx(once.standard_errors, rel=1e-4)


def test_going_on_multiplies_over_parts_of_a_horizon() -> None:
    known = world(n=500)
    model = fit_weibull(known.spells, known.covariates)
    since = known.spells.entry
    whole = goes_on(model, known.covariates, since, 7.0)
    parts = goes_on(model, known.covariates, since, 3.0) * goes_on(model, known.covariates, since + 3.0, 4.0)
    assert whole == pytest.approx(parts)


def test_an_age_is_where_its_hazard_is_reached() -> None:
    known = world(n=500)
    model = fit_weibull(known.spells, known.covariates)
    hazard = model.cumulative_hazard(known.covariates, known.spells.exit)
    assert model.age_at(known.covariates, hazard) == pytest.approx(known.spells.exit)


def test_spells_that_all_go_on_are_refused() -> None:
    spells = Spells.watched_from_the_beginning(np.array([1.0, 2.0]), np.array([False, False]))
    with pytest.raises(InvalidInput, match="none has ended"):
        fit_weibull(spells, np.zeros((2, 0)))


def test_a_covariate_that_never_varies_is_refused_by_its_number() -> None:
    known = world(n=50)
    with pytest.raises(InvalidInput, match="column 1 is the same everywhere"):
        fit_weibull(known.spells, np.column_stack([known.covariates[:, 0], np.ones(50)]))


def test_a_covariate_that_parts_those_that_ended_has_no_maximum() -> None:
    known = world(n=300, whole=True)
    with pytest.raises(FailedPrecondition, match="no maximum"):
        fit_weibull(known.spells, known.spells.ended[:, None] * 1000.0, step=1.0)
