"""Whether forecasts of survival mean what they say: integrated calibration index, and observed survival by decile."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from farview.evaluation.arrays import FloatArray
from farview.evaluation.kaplan_meier import kaplan_meier
from farview.evaluation.spells import Spells
from farview.evaluation.survival_scores import Outcome

_KNOTS = (0.05, 0.35, 0.65, 0.95)  # Harrell's quantiles of four knots
_RIDGE = 1e-6  # keeps the smooth finite where forecasts part the outcomes perfectly
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Decile:
    """Spells of similar forecasts: what was forecast, what came."""

    spells: int
    forecast: float  # mean P(ends by the horizon)
    observed: float  # by Kaplan-Meier on the clock since entry
    lower: float  # pointwise 95 %
    upper: float


def integrated_calibration_index(ends: FloatArray, outcome: Outcome) -> float:
    """Mean distance between the forecast P(ends by the horizon) and the smoothed rate of ends at that forecast.

    The smooth is a logistic regression of the ends on a restricted cubic spline of log(-log(1 - forecast)), weighted
    by the inverse probability of being known. Forecasts that are all alike are held against the overall rate.

    Args:
        ends: shape (spells,).
        outcome: of the same spells at the horizon.

    Source: Austin, Harrell, van Klaveren (2020), Statistics in Medicine 39(21), with the weighted regression in
    place of their hazard regression.
    """
    smooth = smoothed_rate(ends, outcome)
    return float(np.abs(ends - smooth).mean())


def smoothed_rate(ends: FloatArray, outcome: Outcome) -> FloatArray:
    """The rate of ends observed at each forecast, shape (spells,); see `integrated_calibration_index`."""
    bounded = np.clip(ends, _TINY, 1 - _TINY)
    basis = _spline(np.log(-np.log1p(-bounded)))
    smooth: FloatArray = expit(basis @ _logistic(basis, outcome))
    return smooth


def by_decile(ends: FloatArray, spells: Spells, horizon: float, groups: int = 10) -> list[Decile]:
    """Spells in groups of equal size by forecast, lowest first; equal forecasts stay together.

    Args:
        ends: forecast P(ends by the horizon), shape (spells,).
        spells: the same ones.
        horizon: in their unit, since entry.
        groups: at most so many; fewer where forecasts are equal.
    """
    forecast, where, counts = np.unique(ends, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    group_of = np.minimum((middle / len(ends) * groups).astype(np.int64), groups - 1)[where]
    found = []
    for group in np.unique(group_of):
        own = group_of == group
        curve = kaplan_meier(spells.take(own).since_entry())
        at = np.array([horizon])
        lower, upper = curve.interval_at(at)
        observed = 1 - float(curve.at(at)[0])
        mean = float(np.average(forecast[where[own]]))
        found.append(Decile(int(own.sum()), mean, observed, 1 - float(upper[0]), 1 - float(lower[0])))
    return found


def _spline(z: FloatArray) -> FloatArray:
    """Intercept, z and its restricted cubic terms, linear beyond the outer knots; shape (spells, columns).

    Source: Harrell (2015), Regression Modeling Strategies, eq. (2.25).
    """
    knots = np.unique(np.quantile(z, _KNOTS))
    if len(knots) == 1:
        return np.ones((len(z), 1))
    scaled, knots = (z - knots[0]) / (knots[-1] - knots[0]), (knots - knots[0]) / (knots[-1] - knots[0])
    columns = [np.ones(len(z)), scaled]
    last, before = knots[-1], knots[-2]
    for knot in knots[:-2]:
        cubes = [np.maximum(scaled - k, 0) ** 3 for k in (knot, before, last)]
        terms = cubes[0] - cubes[1] * (last - knot) / (last - before) + cubes[2] * (before - knot) / (last - before)
        columns.append(terms)
    return np.column_stack(columns)


def _logistic(basis: FloatArray, outcome: Outcome) -> FloatArray:
    """Weighted maximum likelihood by Newton's steps, shape (columns,)."""
    weight, y = outcome.weight, outcome.ended.astype(np.float64)
    rate = np.clip(np.average(y, weights=weight), _TINY, 1 - _TINY)
    beta = np.zeros(basis.shape[1])
    beta[0] = np.log(rate / (1 - rate))
    ridge = _RIDGE * weight.sum() * np.eye(len(beta))
    ridge[0, 0] = 0.0  # the overall rate is not shrunk
    for _ in range(50):
        p = expit(np.clip(basis @ beta, -30, 30))
        slope = basis.T @ (weight * (y - p)) - ridge @ beta
        step = np.linalg.solve((basis * (weight * p * (1 - p) + _TINY)[:, None]).T @ basis + ridge, slope)
        beta = beta + step * min(1.0, 4.0 / max(np.abs(step).max(), _TINY))
        if np.abs(step).max() < 1e-9:
            break
    return beta
