"""Cox regression: published figures, recovery with delayed entry, and a hazard that forecasts what was seen."""

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from farview.evaluation.kaplan_meier import kaplan_meier
from farview.evaluation.spells import Spells
from ltv.survival import fit_step_hazard, goes_on
from ltv.survival_cox import baseline, fit_cox
from tests.ltv.survival_worlds import COEFFICIENTS, INTERCEPT, SHAPE, world
from tests.ltv.test_survival_weibull import rossi


def test_the_recidivism_study_has_the_published_estimates() -> None:
    """Fox, Weisberg (2011), Cox Proportional-Hazards Regression in R: coefficients and their standard errors."""
    model = fit_cox(*rossi())
    expected = [-0.37942, -0.05744, 0.31390, -0.14980, -0.43370, -0.08487, 0.09150]
    assert model.coefficients == pytest.approx(expected, abs=2e-5)
    errors = [0.19138, 0.02200, 0.30799, 0.21222, 0.38187, 0.19576, 0.02865]
    assert model.standard_errors == pytest.approx(errors, abs=2e-5)
    assert model.log_likelihood == pytest.approx(-658.748, abs=2e-3)


def test_known_hazard_ratios_are_recovered_with_delayed_entry() -> None:
    """A Weibull AFT world has the hazard ratios exp(-k b); two of them beyond 4 standard errors: .00013."""
    known = world(n=1500)
    model = fit_cox(known.spells, known.covariates)
    assert np.abs((model.coefficients + SHAPE * COEFFICIENTS) / model.standard_errors).max() < 4


def test_the_known_cumulative_hazard_is_recovered_with_delayed_entry() -> None:
    known = world(n=1500)
    model = fit_cox(known.spells, known.covariates)
    ages, x = np.array([2.0, 5.0, 10.0, 20.0]), np.tile([0.5, 1.0], (4, 1))
    truth = (ages / np.exp(INTERCEPT + x @ COEFFICIENTS)) ** SHAPE
    assert model.cumulative_hazard(x, ages) == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("whole", [False, True])
def test_the_hazard_forecasts_as_many_ends_at_each_age_as_were_seen(whole: bool) -> None:
    known = world(n=800, whole=whole)
    spells = known.spells
    ratio = np.exp(known.covariates @ np.array([-0.4, 0.5]))
    times, hazard = baseline(spells, ratio)
    steps = np.diff(hazard, prepend=0.0)
    for time, step in zip(times, steps, strict=True):
        own = (spells.entry < time) & (time <= spells.exit)
        ended = spells.ended & (spells.exit == time)
        if step < 5:  # beyond, all at risk ended, and no finite hazard forecasts that
            found = (ratio[ended] / -np.expm1(-step * ratio[ended])).sum()
            assert found == pytest.approx(ratio[own].sum(), rel=1e-6)


def test_without_ratios_the_hazard_is_kaplan_meiers() -> None:
    whole = world(n=800, whole=True).spells
    times, hazard = baseline(whole, np.ones(800))
    curve = kaplan_meier(whole)
    before = curve.survival > 0
    assert times.tolist() == curve.times.tolist()
    assert np.exp(-hazard)[before] == pytest.approx(curve.survival[before], rel=1e-6)


def test_going_on_without_covariates_is_a_ratio_of_kaplan_meiers() -> None:
    known = world(n=800)
    curve, model = kaplan_meier(known.spells), fit_step_hazard(known.spells)
    since = np.array([0.0, 3.0, 8.0])
    expected = curve.at(since + 4.0) / curve.at(since)
    assert goes_on(model, np.zeros((3, 0)), since, 4.0) == pytest.approx(expected)


def test_clusters_of_copies_have_the_errors_of_one_copy() -> None:
    known = world(n=400)
    copies = np.repeat(np.arange(400), 3)
    once = fit_cox(known.spells, known.covariates, clusters=np.arange(400)).standard_errors
    # Copies tie, and Efron's ties are not exact: a hundredth.
    many = fit_cox(known.spells.take(copies), known.covariates[copies], clusters=copies).standard_errors
    assert many == pytest.approx(once, rel=0.03)


def test_no_covariates_are_refused() -> None:
    known = world(n=50)
    with pytest.raises(InvalidInput, match="covariates"):
        fit_cox(known.spells, np.zeros((50, 0)))


def test_spells_that_all_go_on_are_refused() -> None:
    spells = Spells.watched_from_the_beginning(np.array([1.0, 2.0]), np.array([False, False]))
    with pytest.raises(InvalidInput, match="none has ended"):
        fit_cox(spells, np.ones((2, 1)))
