"""Rates of groups, each drawn towards the overall rate as far as its size leaves it uncertain."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from journeys.scorer import FloatArray

_STRENGTHS = np.geomspace(1, 1e5, 61)


def smoothed_rates(
    group: NDArray[np.integer],
    happened: NDArray[np.bool_],
    weight: FloatArray,
    groups: int,
    around: FloatArray | None = None,
) -> FloatArray:
    """Rate of each group under a beta prior around the overall rate, or around its own, shape (groups,).

    The prior's strength is the one that makes the counts most probable (empirical Bayes); an empty group has the
    prior's rate.

    Args:
        group: number of each row's group, shape (rows,).
        happened: shape (rows,).
        weight: of each row.
        groups: how many there are.
        around: rate that each is drawn to, strictly between 0 and 1, shape (groups,); default: the overall one.
    """
    size = np.bincount(group, weight, groups)
    count = np.bincount(group, weight * happened, groups)
    overall = (count.sum() + 0.5) / (size.sum() + 1.0)
    prior = np.full(groups, overall) if around is None else around
    a, b = prior * _STRENGTHS[:, None], (1 - prior) * _STRENGTHS[:, None]
    evidence = (betaln(a + count, b + size - count) - betaln(a, b)).sum(axis=1)
    strength = _STRENGTHS[evidence.argmax()]
    return np.asarray((count + prior * strength) / (size + strength))


def softmax(scores: NDArray[np.floating]) -> FloatArray:
    """Probabilities from logits along the last axis."""
    odds = np.exp(np.asarray(scores, np.float64) - scores.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))
