"""Cox regression: covariates multiply the hazard, whatever its course with age. Slow to import (lifelines)."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation.spells import Spells
from ltv.survival import FloatArray, at_step
from ltv.survival_weibull import IntArray

_MOST_HAZARD = 30.0  # of one step: exp(-30) survive it


@dataclass(frozen=True, slots=True)
class Cox:
    """A fitted model."""

    coefficients: FloatArray  # shape (columns,); exp of one is the hazard ratio of one unit more
    standard_errors: FloatArray  # of the coefficients
    centre: FloatArray  # covariates at which `hazard` holds
    times: FloatArray  # ages at which spells ended, ascending
    hazard: FloatArray  # cumulative, just after each
    log_likelihood: float  # partial

    def cumulative_hazard(self, covariates: FloatArray, ages: FloatArray) -> FloatArray:
        """See SurvivalModel."""
        ratio: FloatArray = np.exp((covariates - self.centre) @ self.coefficients)
        return ratio * at_step(self.times, self.hazard, ages)


def fit_cox(spells: Spells, covariates: FloatArray, *, clusters: IntArray | None = None) -> Cox:
    """Partial likelihood with delayed entry, ties after Efron; the hazard after Kalbfleisch and Prentice.

    Their hazard makes each age's forecast ends equal to those seen also where many end at one age, as when durations
    are whole months; Breslow's would forecast too few.

    Args:
        spells: at least one has ended.
        covariates: shape (spells, columns), linearly independent of each other and of a constant.
        clusters: code of the cluster of each spell, shape (spells,); with it the standard errors are cluster-robust.

    Raises:
        InvalidInput: no spell has ended, or there is no covariate.
        FailedPrecondition: no maximum was found.

    Source: Efron (1977), JASA 72(359); Kalbfleisch, Prentice (2002), section 4.3; Lin, Wei (1989), JASA 84(408).
    """
    if not spells.ended.any():
        raise InvalidInput.of("spells", "none has ended, so there is nothing to learn from")
    if covariates.shape[1] == 0:
        raise InvalidInput.of("covariates", "are none (a Cox model without them is Kaplan-Meier)")
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    names = [f"x{column}" for column in range(covariates.shape[1])]
    frame = pd.DataFrame(covariates, columns=names)
    frame["entry"], frame["exit"], frame["ended"] = spells.entry, spells.exit, spells.ended
    options = {"entry_col": "entry"}
    if clusters is not None:
        frame["cluster"] = clusters
        options["cluster_col"] = "cluster"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, about how lifelines calls it
            warnings.simplefilter("ignore", ConvergenceWarning)  # it guesses before it fits; see the error below
            fitter = CoxPHFitter().fit(frame, "exit", "ended", **options)
    except ConvergenceError:
        raise FailedPrecondition(
            "the Cox model has no maximum on these spells (does a covariate part those that ended from the others?)"
        ) from None
    coefficients = fitter.params_[names].to_numpy()
    centre = covariates.mean(axis=0)
    times, hazard = baseline(spells, np.exp((covariates - centre) @ coefficients))
    errors = fitter.standard_errors_[names].to_numpy()
    return Cox(coefficients, errors, centre, times, hazard, float(fitter.log_likelihood_))


def baseline(spells: Spells, ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ages of ends, ascending, and the cumulative hazard just after each of a spell with hazard ratio 1.

    Args:
        spells: those at risk at an age are those watched at it.
        ratio: of the hazards to that of the baseline, shape (spells,).

    Source: Kalbfleisch, Prentice (2002), eq. (4.34): the ends at an age solve sum over the ended of
    r / (1 - exp(-h r)) = sum over those at risk of r.
    """
    times, which = np.unique(spells.exit[spells.ended], return_inverse=True)
    entered = _sums_below(spells.entry, ratio, times)
    at_risk = entered - _sums_below(spells.exit, ratio, times)
    ends = np.split(ratio[spells.ended][np.argsort(which, kind="stable")], np.cumsum(np.bincount(which))[:-1])
    steps = [_step(own, float(total)) for own, total in zip(ends, at_risk, strict=True)]
    return times, np.cumsum(steps)


def _sums_below(at: FloatArray, ratio: FloatArray, times: FloatArray) -> FloatArray:
    """Sum of the ratios of those with `at` strictly before each time."""
    order = np.argsort(at)
    sums = np.append(0.0, np.cumsum(ratio[order]))
    return sums[np.searchsorted(at[order], times, side="left")]


def _step(ended: FloatArray, at_risk: float) -> float:
    """The hazard of one age, given the ratios of those who ended and the sum of those at risk."""
    if at_risk <= ended.sum() * (1 + 1e-12):
        return _MOST_HAZARD / float(ended.min())  # all ended: no finite hazard does

    def excess(h: float) -> float:
        return float((ended / -np.expm1(-h * ended)).sum()) - at_risk

    low = ended.size / at_risk * 1e-3
    high = _MOST_HAZARD / float(ended.min())
    return high if excess(high) > 0 else float(brentq(excess, low, high, xtol=1e-14, rtol=1e-12))
