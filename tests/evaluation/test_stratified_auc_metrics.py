"""Probability metrics, splits and the champion's rule of journey models."""

import numpy as np
import pytest

from farview.evaluation import journey_champion
from farview.evaluation.hazard_metrics import expected_calibration_error, log_losses, recall_at
from farview.evaluation.journey_splits import day_by_which, held_out_customers, observed

NEVER = np.iinfo(np.int64).max


def test_calibration_error_of_two_bins_by_hand():
    p = np.array([0.1, 0.1, 0.6, 0.6])
    target = np.array([False, True, True, True])
    assert expected_calibration_error(p, target, bins=2) == pytest.approx((abs(0.1 - 0.5) + abs(0.6 - 1.0)) / 2)


def test_a_constant_forecast_of_the_mean_has_no_calibration_error():
    target = np.random.default_rng(1).random(1000) < 0.3
    assert expected_calibration_error(np.full(1000, target.mean()), target) == pytest.approx(0, abs=1e-12)


def test_recall_of_a_constant_forecast_is_the_share_looked_at():
    target = np.arange(100) < 7
    assert recall_at(np.full(100, 0.2), target, 0.1) == pytest.approx(0.1)


def test_recall_by_hand():
    p = np.arange(20) / 20
    target = np.isin(np.arange(20), [19, 18, 3])
    assert recall_at(p, target, 0.1) == pytest.approx(2 / 3)


def test_log_loss_of_a_certain_mistake_is_finite():
    assert log_losses(np.array([0.0]), np.array([True]))[0] == pytest.approx(-np.log(1e-12))


def test_a_weighted_step_counts_as_often_as_its_weight_says():
    p, target = np.array([0.2, 0.4, 0.4]), np.array([False, True, False])
    doubled = expected_calibration_error(np.append(p, 0.4), np.append(target, True))
    assert expected_calibration_error(p, target, np.array([1.0, 2.0, 1.0])) == pytest.approx(doubled)


def test_a_window_that_straddles_the_split_is_left_out():
    time, resolved = np.array([0, 10, 90, 95]), np.array([7, 17, 97, NEVER])
    assert list(observed(time, resolved, 0, 96).rows) == [0, 1]


def test_steps_after_a_split_start_at_it():
    time, resolved = np.array([0, 10, 20]), np.array([7, 17, 27])
    assert list(observed(time, resolved, 10, 100).rows) == [1, 2]


def test_censoring_weights_restore_the_rate_that_plain_counting_misses():
    # Negatives take the whole window of 7, positives 1: near the end mostly positives are seen.
    random = np.random.default_rng(5)
    time = random.integers(0, 30_000, 200_000)
    target = random.random(200_000) < 0.1
    resolved = time + np.where(target, 1_000, 7_000)
    seen = observed(time, resolved, 0, 30_000)
    # Monte Carlo error of the weighted rate: .0008; five of them.
    assert np.average(target[seen.rows], weights=seen.weight) == pytest.approx(target.mean(), abs=0.004)
    assert target[seen.rows].mean() > 0.12


def test_the_split_day_is_the_first_by_which_the_share_has_passed():
    assert day_by_which(np.array([5, 1, 1, 2, 3, 3, 3, 3, 9, 9]), 0.7) == 3


def test_held_out_customers_do_not_depend_on_who_else_is_there():
    ids = [f"c{number}" for number in range(50)]
    alone = [held_out_customers([name], 0.5, 3)[0] for name in ids]
    assert list(held_out_customers(ids, 0.5, 3)) == alone


def test_a_model_as_good_as_the_base_rate_does_not_become_champion():
    random = np.random.default_rng(2)
    base = random.random(500)
    noise = journey_champion.gain(base, base + random.normal(0, 0.2, 500), np.arange(500) // 5, np.ones(500))
    assert journey_champion.choose({"base_rate_by_step": noise, "lstm": noise}) == "base_rate_by_step"


def test_a_clearly_better_model_becomes_champion():
    random = np.random.default_rng(2)
    base = random.random(500)
    better = journey_champion.gain(base, base - random.random(500), np.arange(500) // 5, np.ones(500))
    nothing = journey_champion.gain(base, base, np.arange(500), np.ones(500))
    assert journey_champion.choose({"base_rate_by_step": nothing, "lstm": better}) == "lstm"


def test_the_best_of_many_models_must_win_by_more_than_one_alone():
    random = np.random.default_rng(5)
    base, customer, weight = random.random(500), np.arange(500), np.ones(500)
    one, many = (
        journey_champion.gain(base, base - random.normal(0.02, 0.2, 500), customer, weight, rivals)
        for random, rivals in ((np.random.default_rng(6), 1), (np.random.default_rng(6), 8))
    )
    assert many.mean - many.lower == pytest.approx(one.standard_error * 2.4977, rel=1e-4)  # z of 1 - .05 / 8
    assert one.lower > many.lower


def test_a_customers_steps_do_not_count_as_independent():
    random = np.random.default_rng(4)
    per_customer = random.normal(0, 1, 100)
    loss = np.repeat(per_customer, 20)
    clustered = journey_champion.gain(loss, np.zeros(2000), np.arange(2000) // 20, np.ones(2000))
    assert clustered.standard_error == pytest.approx(per_customer.std(ddof=1) / 10, rel=1e-6)
