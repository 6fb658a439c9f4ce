"""Rates of groups, each drawn towards the overall rate as far as its size leaves it uncertain."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from journeys.scorer import FloatArray

_STRENGTHS = np.geomspace(1, 1e5, 61)


def smoothed_rates(
    group: NDArray[np.integer], happened: NDArray[np.bool_], weight: FloatArray, groups: int
) -> FloatArray:
    """Rate of each group under a beta prior around the overall rate, shape (groups,).

    The prior's strength is the one that makes the counts most probable (empirical Bayes); an empty group has the
    overall rate.

    Args:
        group: number of each row's group, shape (rows,).
        happened: shape (rows,).
        weight: of each row.
        groups: how many there are.
    """
    size = np.bincount(group, weight, groups)
    count = np.bincount(group, weight * happened, groups)
    overall = (count.sum() + 0.5) / (size.sum() + 1.0)
    a, b = overall * _STRENGTHS[:, None], (1 - overall) * _STRENGTHS[:, None]
    evidence = (betaln(a + count, b + size - count) - betaln(a, b)).sum(axis=1)
    strength = _STRENGTHS[evidence.argmax()]
    return np.asarray((count + overall * strength) / (size + strength))
