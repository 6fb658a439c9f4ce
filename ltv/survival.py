"""Survival models: how long something goes on, given what is known of it. Fitting libraries stay out of this file.

A model gives the cumulative hazard H(age | covariates); everything asked of it follows from that.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from farview.evaluation.kaplan_meier import kaplan_meier
from farview.evaluation.spells import Spells

FloatArray = NDArray[np.float64]

_CERTAIN = 1 - 1e-12  # an age at which all at risk ended adds a large hazard, not an infinite one


class SurvivalModel(Protocol):
    """A fitted model."""

    def cumulative_hazard(self, covariates: FloatArray, ages: FloatArray) -> FloatArray:
        """H of each spell at its own age: covariates of shape (spells, columns), ages and result (spells,)."""
        ...


def goes_on(model: SurvivalModel, covariates: FloatArray, since: FloatArray, horizon: float) -> FloatArray:
    """P(T > since + horizon | T > since), shape (spells,); times in the unit the model was fitted in."""
    more = model.cumulative_hazard(covariates, since + horizon) - model.cumulative_hazard(covariates, since)
    result: FloatArray = np.exp(-more)
    return result


@dataclass(frozen=True, slots=True)
class StepHazard:
    """The same hazard for everybody, by Kaplan-Meier: what covariates must beat."""

    times: FloatArray  # ages at which spells ended, ascending, shape (steps,)
    hazard: FloatArray  # cumulative, just after each

    def cumulative_hazard(self, covariates: FloatArray, ages: FloatArray) -> FloatArray:
        """See SurvivalModel; the covariates are not looked at."""
        del covariates
        return at_step(self.times, self.hazard, ages)


def fit_step_hazard(spells: Spells) -> StepHazard:
    """-ln of the product-limit estimate, finite also where nobody is left."""
    curve = kaplan_meier(spells)
    hazard: FloatArray = np.cumsum(-np.log1p(-np.minimum(curve.ends / curve.at_risk, _CERTAIN)))
    return StepHazard(curve.times, hazard)


def at_step(times: FloatArray, hazard: FloatArray, ages: FloatArray) -> FloatArray:
    """A cumulative hazard that grows in steps, 0 before the first and level after the last, shape of `ages`."""
    return np.append(0.0, hazard)[np.searchsorted(times, ages, side="right")]
