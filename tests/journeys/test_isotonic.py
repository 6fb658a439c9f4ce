"""A rising curve after temperature and shift, where it is clearly better."""

import numpy as np
import pytest
from scipy.special import expit

from farview.evaluation.journey_splits import Observed
from journeys.calibration import Calibration, calibrate
from journeys.isotonic import choose_calibration, with_curve


def drawn(bent: bool, size: int = 60_000):
    random = np.random.default_rng(3)
    logit = random.normal(-3, 1.2, size)
    true = np.where(logit > -3, 0.15, 0.01) if bent else expit(0.8 * logit - 0.3)
    return logit, random.random(size) < true, random.integers(0, 10**6, size), true


@pytest.mark.parametrize("bent", [False, True])
def test_a_curve_is_taken_only_where_hazards_are_bent(bent: bool):
    logit, target, time_us, true = drawn(bent)
    rows = np.arange(len(logit))
    found = choose_calibration(logit, target, time_us, Observed(rows, np.ones(len(rows)), 0))
    assert bool(found.curve) is bent
    plain = calibrate(logit, target, np.ones(len(rows)))
    off = [np.abs(each.probability(logit) - true).mean() for each in (found, plain)]
    assert off[0] < 0.3 * off[1] if bent else off[0] == pytest.approx(off[1])


def test_the_curve_rises_and_its_mean_is_the_rate():
    logit, target, _, _ = drawn(bent=True)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(logit))
    found = with_curve(calibrate(logit, target, weight), logit, target, weight)
    p = found.probability(np.sort(logit))
    assert np.all(np.diff(p) >= 0)
    assert 0 < p[0] <= p[-1] < 1
    assert np.average(found.probability(logit), weights=weight) == pytest.approx(
        np.average(target, weights=weight), rel=0.02
    )


def test_few_conversions_take_no_curve():
    logit, target, time_us, _ = drawn(bent=True, size=600)
    assert not choose_calibration(logit, target, time_us, Observed(np.arange(600), np.ones(600), 0)).curve


def test_a_calibration_after_a_curve_moves_what_the_curve_gives():
    logit, target, _, _ = drawn(bent=True)
    curved = with_curve(calibrate(logit, target, np.ones(len(logit))), logit, target, np.ones(len(logit)))
    after = Calibration(1.5, -0.4)
    heights = np.array(curved.curve)[:, 0]
    at = (np.log(heights / (1 - heights)) - curved.shift) * curved.temperature
    np.testing.assert_allclose(curved.then(after).probability(at), after.probability(curved.logit(at)), rtol=1e-9)
    assert Calibration.from_data(curved.as_data()) == curved
