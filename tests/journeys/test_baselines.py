"""The simple forecasts that models are held against."""

import numpy as np
import pytest

from farview.evaluation.journey_splits import Observed, observed
from farview.features.steps import Steps
from journeys.baselines import BASELINES, channel_counts, logistic
from journeys.rates import smoothed_rates
from tests.journeys.models import random_steps

STEPS = random_steps(11, 5000, 4)


def seen(steps: Steps) -> Observed:
    return observed(steps.time_us, steps.resolved_us, int(steps.time_us.min()), steps.limits.until_us)


def test_channels_are_counted_up_to_the_step_and_from_the_customers_first_touch():
    counts = channel_counts(STEPS)
    for customer in range(20):
        codes = STEPS.channel[slice(*STEPS.offsets[customer : customer + 2])]
        expected = [np.bincount(codes[: k + 1], minlength=4) for k in range(len(codes))]
        np.testing.assert_array_equal(counts[slice(*STEPS.offsets[customer : customer + 2])], expected)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_forecasts_the_rate_on_average(name):
    known = seen(STEPS)
    p = BASELINES[name](STEPS, known)[known.rows]
    rate = np.average(STEPS.converted[known.rows], weights=known.weight)
    assert np.average(p, weights=known.weight) == pytest.approx(rate, rel=0.05)


def test_known_coefficients_of_a_logistic_are_found():
    random = np.random.default_rng(6)
    x = random.normal(size=(100_000, 2))
    p = 1 / (1 + np.exp(-(x @ [0.8, -0.5] - 2)))
    everything = Observed(np.arange(len(x)), np.ones(len(x)), 0)
    # Monte Carlo error of the fitted probabilities: about .002.
    assert np.abs(logistic(x, random.random(len(x)) < p, everything) - p).max() < 0.02


def test_a_group_without_rows_has_the_overall_rate():
    happened = np.arange(100) % 4 == 0
    rates = smoothed_rates(np.arange(100) % 3, happened, np.ones(100), 5)
    assert rates[4] == pytest.approx(0.25, abs=0.01)


def test_large_groups_keep_their_own_rate():
    group = np.repeat([0, 1], 100_000)
    happened = np.concatenate([np.arange(100_000) % 10 == 0, np.arange(100_000) % 2 == 0])
    assert smoothed_rates(group, happened, np.ones(200_000), 2) == pytest.approx([0.1, 0.5], abs=0.001)
