"""The first-order chain."""

import numpy as np
import pytest

from journeys.markov import train_markov
from tests.journeys.models import CONTEXT, random_steps


def test_its_hazard_depends_on_the_channel_of_the_touch_alone():
    steps = random_steps(4, 300, 4)
    model = train_markov(steps)
    logits = model.logits(steps, CONTEXT.encode(None, steps.customer_ids))
    assert all(len(np.unique(logits[steps.channel == channel])) == 1 for channel in range(4))


def test_its_mean_calibrated_hazard_is_the_rate_it_saw():
    steps = random_steps(4, 3000, 4)
    model = train_markov(steps)
    known = steps.resolved_us < steps.limits.until_us
    p = model.about.calibration.probability(model.logits(steps, CONTEXT.encode(None, steps.customer_ids)))
    # The log's rate does not move with time; 4 standard errors of the rate on the validation slice.
    assert p[known].mean() == pytest.approx(steps.converted[known].mean(), rel=0.25)


def test_next_touches_are_probabilities():
    model = train_markov(random_steps(4, 300, 4))
    assert model.next_touch.shape == (5, 5)
    assert model.next_touch.sum(axis=1) == pytest.approx(np.ones(5))


def test_a_channel_hardly_seen_is_drawn_to_the_overall_rate():
    steps = random_steps(4, 3000, 4)
    rare = steps.channel.copy()
    rare[rare == 3] = 2
    rare[np.flatnonzero(steps.converted)[0]] = 3  # one touch, and it converted
    from dataclasses import replace

    model = train_markov(replace(steps, channel=rare))
    assert 1 / (1 + np.exp(-model.hazard_logit[3])) < 0.5
