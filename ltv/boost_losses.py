"""Losses of the heads of the boosted model, as functions of a margin, each with its gradient and curvature.

A head adds trees to what a buy-till-you-die model says of the same customer, on a scale where that is a factor:

| head | the customer's | margin | law |
|---|---|---|---|
| some | purchases, any or none | log L, where P(no purchase) = exp(-L) | Bernoulli, complementary log-log link |
| more | purchases beyond the first, of those who buy | log E(N - 1) | Poisson quasi-likelihood |
| spend | gross value, of those who pay | log E V | gamma quasi-likelihood |
| returned | amount returned, of those who pay | log E R, given their gross value | Poisson quasi-likelihood |

Quasi-likelihoods need the mean alone to be right: McCullagh, Nelder (1989), Generalized Linear Models, chapter 9.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SOME, MORE, SPEND, RETURNED = "some", "more", "spend", "returned"
"""Names of the heads."""

Loss = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""(margin, target), each (rows,), to loss, slope and curvature (positive) per row."""

LARGEST_MARGIN = 30.0
LEAST_CURVATURE = 1e-6


def some(margin: FloatArray, bought: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """-log likelihood of having bought (1) or not (0); expected curvature, which is never negative."""
    hazard = np.exp(np.clip(margin, -LARGEST_MARGIN, LARGEST_MARGIN))
    chance = -np.expm1(-hazard)
    odds_slope = hazard * np.exp(-hazard) / chance
    loss = np.where(bought > 0, -np.log(chance), hazard)
    slope = np.where(bought > 0, -odds_slope, hazard)
    return loss, slope, np.maximum(hazard * odds_slope, LEAST_CURVATURE)


def count(margin: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Poisson quasi-likelihood of a target of 0 or more with mean exp(margin), up to a constant."""
    mean = np.exp(np.clip(margin, -LARGEST_MARGIN, LARGEST_MARGIN))
    return mean - target * margin, mean - target, np.maximum(mean, LEAST_CURVATURE)


def amount(margin: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gamma quasi-likelihood of a positive target with mean exp(margin), up to a constant; expected curvature."""
    ratio = target * np.exp(-np.clip(margin, -LARGEST_MARGIN, LARGEST_MARGIN))
    return margin + ratio, 1.0 - ratio, np.ones_like(ratio)
