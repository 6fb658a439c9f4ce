"""The one rule that chooses a champion among journey models."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BASE = "base_rate_by_step"
LEVEL = 0.95
RULE = (
    f"lowest log loss on the test steps, if the {LEVEL:.0%} bound of its paired gain over {BASE} is above 0, all "
    f"rivals taken together (Bonferroni; customers are independent, a customer's steps are not); otherwise {BASE}"
)


@dataclass(frozen=True, slots=True)
class Gain:
    """How much lower a model's log loss is than the base rate's, per step; positive is better."""

    mean: float
    standard_error: float
    rivals: int = 1  # models that are held against the base rate at once, this one among them

    @property
    def lower(self) -> float:
        """One-sided bound at LEVEL for all rivals together: the best of several is partly the luckiest."""
        return self.mean - float(ndtri(1 - (1 - LEVEL) / self.rivals)) * self.standard_error


def gain(base: FloatArray, model: FloatArray, customer: IntArray, weight: FloatArray, rivals: int = 1) -> Gain:
    """The paired difference of mean losses, its error clustered by customer (linearised ratio estimator).

    Args:
        base: losses of the base rate, shape (steps,).
        model: losses of the model.
        customer: number of each step's customer.
        weight: of each step.
        rivals: models that are held against the base rate at once.
    """
    mean = float(np.average(base - model, weights=weight))
    residual = np.bincount(customer, weight * (base - model - mean))
    clusters = len(np.unique(customer))
    inflation = clusters / max(clusters - 1, 1)
    return Gain(mean, float(np.sqrt(inflation * np.sum(residual**2)) / weight.sum()), rivals)


def choose(gains: Mapping[str, Gain]) -> str:
    """The champion's name by RULE; ties go to the name that stands first."""
    best = max(gains, key=lambda name: gains[name].mean)
    return best if gains[best].lower > 0 else BASE
