"""Probability integral transform of laws with atoms: an atom spreads evenly over [F(y-), F(y)]."""

from itertools import pairwise

import numpy as np

from farview.evaluation.arrays import FloatArray


def share_inside(below: FloatArray, upto: FloatArray, low: float, high: float) -> FloatArray:
    """The part of each customer's [F(y-), F(y)] that lies inside [low, high], over its length.

    Args:
        below: F(y-), the probability of less than what was observed, shape (customers,).
        upto: F(y), the probability of at most that, shape (customers,); equal to `below` where the law is continuous.
        low: lower end of the band.
        high: upper end of the band, above `low`.

    Returns:
        Shape (customers,), in [0, 1]; where the law is continuous the indicator of low <= F(y) < high (<= at 1).
    """
    length = upto - below
    inside = np.clip(np.minimum(upto, high) - np.maximum(below, low), 0.0, None)
    point = (upto >= low) & ((upto < high) | ((high >= 1.0) & (upto <= high)))
    atom = length > 0
    return np.where(atom, inside / np.where(atom, length, 1.0), point)


def pit_histogram(below: FloatArray, upto: FloatArray, bins: int = 20) -> FloatArray:
    """Share of customers in each of `bins` equal bands of the transform: flat at 1 / bins for a perfect forecast.

    Source: Czado, Gneiting, Held (2009), Biometrics 65, eq. (2), the non-randomised transform.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.array([share_inside(below, upto, low, high).mean() for low, high in pairwise(edges)])
