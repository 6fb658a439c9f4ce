"""Calibration without a form: a rising curve over the hazard, taken only where it foresees later steps better."""

from dataclasses import replace

import numpy as np
from scipy.optimize import isotonic_regression

from farview.evaluation.hazard_metrics import log_losses
from farview.evaluation.journey_splits import Observed
from journeys.calibration import BoolArray, Calibrated, Calibration, calibrate
from journeys.inputs import Float32Array, FloatArray, IntArray

EARLIER = 0.6  # of the slice, by time: fits both; the rest decides
_FEWEST = 50  # conversions in each part, below which a curve is not tried
_PRIOR = 2.0  # steps at the slice's own rate in every level, so that no hazard is 0


def choose_calibration(
    logit: FloatArray | Float32Array, target: BoolArray, time_us: IntArray, seen: Observed
) -> Calibration:
    """Temperature and shift, followed by a rising curve where that is clearly better.

    Both are fitted to the earlier part of the slice and compared on its later part, by time as they will be used; the
    curve is taken when its mean log loss there is lower by more than a standard error of the paired difference. What is
    taken is then fitted to the whole slice.

    Args:
        logit: of all steps, before calibration.
        target: of all steps.
        time_us: of all steps.
        seen: the slice, which the model did not learn from.
    """
    order = np.argsort(time_us[seen.rows], kind="stable")
    rows, weight = seen.rows[order], seen.weight[order]
    cut = int(EARLIER * len(rows))
    first, second = (rows[:cut], weight[:cut]), (rows[cut:], weight[cut:])
    whole = calibrate(logit[rows], target[rows], weight)
    if min(int(target[part].sum()) for part, _ in (first, second)) < _FEWEST:
        return whole
    plain = calibrate(logit[first[0]], target[first[0]], first[1])
    curved = with_curve(plain, logit[first[0]], target[first[0]], first[1])
    judged = [
        Calibrated(each, log_losses(each.probability(logit[second[0]]), target[second[0]]), second[1])
        for each in (plain, curved)
    ]
    return with_curve(whole, logit[rows], target[rows], weight) if judged[0].worse_than(judged[1]) > 1.0 else whole


def with_curve(
    calibration: Calibration, logit: FloatArray | Float32Array, target: BoolArray, weight: FloatArray
) -> Calibration:
    """The calibration followed by the isotonic regression of outcomes on its hazards, linear between its levels.

    Zadrozny, Elkan (2002), KDD, section 3.2.
    """
    p = calibration.probability(logit)
    order = np.argsort(p, kind="stable")
    fitted = isotonic_regression(target[order].astype(np.float64), weights=weight[order])
    level = np.repeat(np.arange(len(fitted.blocks) - 1), np.diff(fitted.blocks))
    mass = np.bincount(level, weight[order])
    place = np.bincount(level, weight[order] * p[order]) / mass
    rate = float(np.average(target, weights=weight))
    height = (np.bincount(level, weight[order] * target[order]) + _PRIOR * rate) / (mass + _PRIOR)
    rising = np.maximum.accumulate(height)  # the prior may have turned small levels round
    return replace(calibration, curve=tuple(zip(place.tolist(), rising.tolist(), strict=True)))
