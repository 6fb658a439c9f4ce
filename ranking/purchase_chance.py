"""Purchase probability from the margin of a classifier that learnt from queries with a purchase alone."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from farview.evaluation.arrays import FloatArray
from ranking.boosting import Boosted, Features

_SHRINK = 1e-3  # pulls the slope towards 1: with few purchases a steeper one would be a guess


@dataclass(frozen=True, slots=True)
class Logistic:
    """P = 1 / (1 + exp(-(slope x margin + shift)))."""

    slope: float
    shift: float

    def __call__(self, margin: FloatArray) -> FloatArray:
        """Probabilities, of the shape of the margins."""
        return 1 / (1 + np.exp(-(self.slope * margin + self.shift)))


@dataclass(frozen=True, slots=True, eq=False)
class PurchaseChance:
    """A purchase classifier whose probabilities are those of all lists, with and without a purchase."""

    boosted: Boosted
    logistic: Logistic

    def probabilities(self, features: Features) -> FloatArray:
        """P(purchase | shown), shape (rows,)."""
        return self.logistic(self.boosted.scores(features))


def calibrated(margin: FloatArray, bought: FloatArray) -> Logistic:
    """Slope and shift by maximum likelihood on rows that the classifier has not seen.

    Args:
        margin: shape (rows,).
        bought: 1 or 0, shape (rows,); both occur.

    Source: Platt (1999), "Probabilistic outputs for support vector machines", with his targets, which keep the
    probabilities of a log that can be told apart from 0 and 1.
    """
    positive = float(bought.sum())
    high, low = (positive + 1) / (positive + 2), 1 / (len(bought) - positive + 2)
    target = np.where(bought > 0, high, low)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        slope, shift = parameters
        odds = slope * margin + shift
        p = 1 / (1 + np.exp(-odds))
        value = np.mean(np.logaddexp(0, odds) - target * odds) + _SHRINK * (slope - 1) ** 2
        gap = p - target
        return float(value), np.array([np.mean(gap * margin) + 2 * _SHRINK * (slope - 1), np.mean(gap)])

    rate = float(np.clip(bought.mean(), low, high))
    start = np.array([1.0, np.log(rate / (1 - rate)) - float(margin.mean())])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 10.0), (None, None)])
    return Logistic(float(found.x[0]), float(found.x[1]))
