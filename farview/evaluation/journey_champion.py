"""The one rule that chooses a champion among journey models."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BASE = "base_rate_by_step"
LEVEL = 0.95
_Z = 1.6448536269514722  # of a one-sided bound at LEVEL
RULE = (
    f"lowest log loss on the test steps, if the {LEVEL:.0%} bound of its paired gain over {BASE} is above 0 "
    f"(customers are independent, a customer's steps are not); otherwise {BASE}"
)


@dataclass(frozen=True, slots=True)
class Gain:
    """How much lower a model's log loss is than the base rate's, per step; positive is better."""

    mean: float
    standard_error: float

    @property
    def lower(self) -> float:
        """One-sided bound at LEVEL."""
        return self.mean - _Z * self.standard_error


def gain(base: FloatArray, model: FloatArray, customer: IntArray, weight: FloatArray) -> Gain:
    """The paired difference of mean losses, its error clustered by customer (linearised ratio estimator).

    Args:
        base: losses of the base rate, shape (steps,).
        model: losses of the model.
        customer: number of each step's customer.
        weight: of each step.
    """
    mean = float(np.average(base - model, weights=weight))
    residual = np.bincount(customer, weight * (base - model - mean))
    clusters = len(np.unique(customer))
    inflation = clusters / max(clusters - 1, 1)
    return Gain(mean, float(np.sqrt(inflation * np.sum(residual**2)) / weight.sum()))


def choose(gains: Mapping[str, Gain]) -> str:
    """The champion's name by RULE; ties go to the name that stands first."""
    best = max(gains, key=lambda name: gains[name].mean)
    return best if gains[best].lower > 0 else BASE
