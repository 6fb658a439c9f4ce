"""Which steps a model learns from, and which later ones stop its training and calibrate it."""

from dataclasses import dataclass

import numpy as np

from farview.evaluation.journey_splits import Observed, observed
from farview.features.journey_state import DAY_US
from farview.features.steps import Steps
from journeys.about import Evidence
from journeys.weighting import weighted

FIT_SHARE = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """A log cut by time. No window of `fit` reaches past `until_us`, where `validation` begins."""

    fit: Observed
    until_us: int
    validation: Observed


def slices(steps: Steps, until_us: int, evidence: Evidence = "observational", reads: int | None = None) -> Slices:
    """Fit on the first FIT_SHARE of the steps before `until_us`, validate on the rest.

    The validation slice is at least a day longer than the window where the log allows, or no step without a touch
    after it would ever be seen to fail; it is never more than the later half of the time.
    Both are weighted by the logged chances where the evidence is by them, as for a model that reads so many touches.
    """
    time_us = steps.time_us
    before = np.sort(time_us[time_us < until_us])
    by_share = int(before[int(FIT_SHARE * len(before))])
    long_enough = until_us - steps.limits.window_us - DAY_US
    half = (int(before[0]) + until_us) // 2
    cut_us = max(min(by_share, long_enough), half)
    return Slices(
        fit=weighted(observed(time_us, steps.resolved_us, int(before[0]), cut_us), steps, evidence, reads),
        until_us=cut_us,
        validation=weighted(observed(time_us, steps.resolved_us, cut_us, until_us), steps, evidence, reads),
    )
