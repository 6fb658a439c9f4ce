"""What a journey model must beat: forecasts that look at one simple thing each. All know only what a step knows."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from farview.evaluation.journey_splits import Observed
from farview.features.journey_state import STATE_COLUMNS
from farview.features.steps import Steps
from journeys.rates import smoothed_rates
from journeys.scorer import FloatArray

_RIDGE = 1.0
_MOST_STEPS = 50
_ELAPSED = ("first_touch", "log_hours_since_previous", "log_hours_since_first")


class Baseline(Protocol):
    """Fits on the steps seen and forecasts all, shape (steps,)."""

    def __call__(self, steps: Steps, seen: Observed, /) -> FloatArray:
        """Hazard of every step."""


def base_rate_by_step(steps: Steps, seen: Observed) -> FloatArray:
    """Rate of each step index."""
    group = steps.index - 1
    rates = smoothed_rates(group[seen.rows], steps.converted[seen.rows], seen.weight, int(group.max()) + 1)
    return rates[group]


def touches_so_far(steps: Steps, seen: Observed) -> FloatArray:
    """Logistic in the number of touches: a function of the stratum, so its stratified AUC is one half."""
    return logistic(steps.index[:, None].astype(np.float64), steps.converted, seen)


def elapsed_time(steps: Steps, seen: Observed) -> FloatArray:
    """Logistic in the time since the touch before and since the first."""
    return logistic(
        steps.state[:, [STATE_COLUMNS.index(name) for name in _ELAPSED]].astype(np.float64), steps.converted, seen
    )


def bag_of_channels(steps: Steps, seen: Observed) -> FloatArray:
    """Logistic in how often each channel was used so far, order forgotten."""
    return logistic(np.log1p(channel_counts(steps)), steps.converted, seen)


BASELINES: Mapping[str, Baseline] = {
    "base_rate_by_step": base_rate_by_step,
    "touches_so_far": touches_so_far,
    "elapsed_time": elapsed_time,
    "bag_of_channels": bag_of_channels,
}


def channel_counts(steps: Steps) -> FloatArray:
    """Touches of each channel up to and including each step, shape (steps, channels)."""
    one_hot = np.zeros((len(steps), len(steps.vocabulary.channels) + 1))
    one_hot[np.arange(len(steps)), steps.channel] = 1.0
    running = np.cumsum(one_hot, axis=0)
    before = np.vstack([np.zeros(one_hot.shape[1]), running])[steps.offsets[:-1]]
    return (running - np.repeat(before, np.diff(steps.offsets), axis=0))[:, :-1]


def logistic(features: FloatArray, converted: NDArray[np.bool_], seen: Observed) -> FloatArray:
    """Logistic regression on scaled features with a weak ridge, by Newton's method: forecasts of all rows."""
    mean, sd = features[seen.rows].mean(axis=0), features[seen.rows].std(axis=0)
    design = np.column_stack([(features - mean) / np.where(sd > 0, sd, 1.0), np.ones(len(features))])
    rows, target = design[seen.rows], converted[seen.rows]
    ridge = np.diag([_RIDGE] * features.shape[1] + [1e-6])
    rate = (np.average(target, weights=seen.weight) * len(target) + 0.5) / (len(target) + 1)
    coefficients = np.append(np.zeros(features.shape[1]), np.log(rate / (1 - rate)))
    for _ in range(_MOST_STEPS):
        p = expit(rows @ coefficients)
        gradient = rows.T @ (seen.weight * (target - p)) - ridge @ coefficients
        curvature = rows.T @ (rows * (seen.weight * p * (1 - p))[:, None]) + ridge
        step = np.linalg.solve(curvature, gradient)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(expit(design @ coefficients))
