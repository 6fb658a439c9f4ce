"""Temperature and shift of hazards."""

import numpy as np
import pytest

from journeys.calibration import Calibration, calibrate


def drawn(temperature: float, shift: float, size: int = 200_000):
    random = np.random.default_rng(7)
    logit = random.normal(-3, 1, size)
    return logit, random.random(size) < Calibration(temperature, shift).probability(logit)


def test_a_known_temperature_and_shift_are_found():
    logit, target = drawn(1.5, 0.4)
    found = calibrate(logit, target, np.ones(len(logit)))
    # Within 4 standard errors, as the stated covariance has them.
    assert abs(1 / found.temperature - 1 / 1.5) < 4 * np.sqrt(found.covariance[0])
    assert abs(found.shift - 0.4) < 4 * np.sqrt(found.covariance[2])


def test_weights_that_differ_count_as_so_many_equal_ones_as_would_tell_as_much():
    logit, target = drawn(1.5, 0.4, 20_000)
    equal = calibrate(logit, target, np.ones(len(logit)))
    weight = np.where(np.arange(len(logit)) % 10 == 0, 10.0, 1.0)  # (sum w)^2 / sum w^2 is a third of them
    unlike = calibrate(logit, target, weight)
    assert unlike.covariance[0] == pytest.approx(equal.covariance[0] * 109 * 10 / 19**2, rel=0.15)
    assert calibrate(logit, target, 7 * weight).covariance == pytest.approx(unlike.covariance)


def test_the_mean_of_calibrated_hazards_is_the_rate():
    logit, target = drawn(0.7, -0.5)
    found = calibrate(logit, target, np.ones(len(logit)))
    assert found.probability(logit).mean() == pytest.approx(target.mean(), rel=1e-3)


def test_nothing_to_calibrate_on_changes_nothing():
    assert calibrate(np.empty(0), np.empty(0, np.bool_), np.empty(0)).temperature == 1.0


def test_a_model_that_orders_backwards_is_flattened_never_turned_round():
    logit, target = drawn(1.0, 0.0)
    found = calibrate(-logit, target, np.ones(len(logit)))
    assert found.temperature == 20.0


def test_path_intervals_contain_the_truth_as_often_as_they_say():
    # 200 calibrations on fresh samples; 90 % intervals; binomial error at level .001: 3.3 x .021.
    random = np.random.default_rng(11)
    truth = Calibration(1.3, 0.2)
    path = np.array([[-2.0, -3.0, -2.5, -4.0]])
    present = np.ones((1, 4), np.bool_)
    expected = 1 - np.prod(1 - truth.probability(path))
    covered = 0
    for _ in range(200):
        logit = random.normal(-3, 1, 2000)
        found = calibrate(logit, random.random(2000) < truth.probability(logit), np.ones(2000))
        low, high = found.path_interval(path, present)
        covered += low[0] <= expected <= high[0]
    assert covered / 200 == pytest.approx(0.9, abs=0.07)


def test_a_path_without_a_touch_has_no_width():
    low, high = Calibration(1.0, 0.0, (0.1, 0.0, 0.1)).path_interval(np.zeros((1, 3)), np.zeros((1, 3), np.bool_))
    assert (low[0], high[0]) == (0.0, 0.0)
