"""Continuous ranked probability score: the distance between a predictive law and what was observed, in its unit."""

import numpy as np

from farview.evaluation.arrays import FloatArray


def crps_of_draws(actual: FloatArray, draws: FloatArray) -> FloatArray:
    """The fair estimator, whose expectation does not depend on the number of draws.

    Args:
        actual: shape (customers,).
        draws: independent draws of each customer's law, shape (customers, draws), at least 2 draws.

    Returns:
        Shape (customers,); may be slightly negative by chance.

    Source: Ferro (2014), QJRMS 140, eq. (3): mean |X - y| - sum |X_i - X_j| / (2 m (m - 1)), over ordered pairs.
    """
    m = draws.shape[1]
    ordered = np.sort(draws, axis=1)
    # Sum over i < j of X_(j) - X_(i) in one pass over the sorted draws.
    spread = ordered @ (2.0 * np.arange(m) - (m - 1))
    return np.asarray(np.abs(draws - actual[:, None]).mean(axis=1) - spread / (m * (m - 1)))


def crps_of_point(actual: FloatArray, forecast: FloatArray) -> FloatArray:
    """A point forecast is a law with one atom: the score is the absolute error, shape (customers,)."""
    return np.abs(actual - forecast)
