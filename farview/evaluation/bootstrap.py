"""Paired bootstrap: is the difference between two forecasts of the same customers more than chance?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.gini import Ordering

Figure = Callable[[IntArray], float | None]
"""A figure of a resample, given how often each customer stands in it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline on the same customers."""

    estimate: float  # on the customers as they are
    sd: float  # over resamples
    lower: float  # 2.5 % point of the resamples
    upper: float  # 97.5 % point


def paired_difference(
    candidate: Figure, baseline: Figure, customers: int, *, resamples: int, seed: int
) -> Difference | None:
    """Bootstrap of a figure's difference; both sides see the same resamples, also across calls with the same seed.

    Args:
        candidate: the figure of one forecast as a function of counts, shape (customers,).
        baseline: the figure of the other.
        customers: how many there are.
        resamples: how many; resamples in which either figure is undefined are left out.
        seed: of the resamples.

    Returns:
        None when either figure is undefined on the customers as they are, or on all but one resample.
    """
    once = np.ones(customers, dtype=np.int64)
    whole = _difference(candidate, baseline, once)
    rng = generator(seed, "paired bootstrap")
    drawn = (
        _difference(candidate, baseline, np.bincount(rng.integers(0, customers, customers), minlength=customers))
        for _ in range(resamples)
    )
    differences = np.array([difference for difference in drawn if difference is not None])
    if whole is None or len(differences) < 2:
        return None
    lower, upper = np.quantile(differences, [0.025, 0.975])
    return Difference(whole, float(differences.std(ddof=1)), float(lower), float(upper))


def gini_difference(
    actual: FloatArray, candidate: FloatArray, baseline: FloatArray, *, resamples: int = 200, seed: int = 0
) -> Difference | None:
    """Candidate's normalised Gini minus the baseline's, with its paired bootstrap."""
    return paired_difference(
        Ordering(actual, candidate).gini,
        Ordering(actual, baseline).gini,
        len(actual),
        resamples=resamples,
        seed=seed,
    )


def mean_difference(
    candidate: FloatArray, baseline: FloatArray, *, resamples: int = 200, seed: int = 0
) -> Difference | None:
    """Difference of the means of two per-customer scores (such as CRPS), shape (customers,), with its bootstrap."""
    return paired_difference(
        lambda counts: float(np.dot(candidate, counts) / counts.sum()),
        lambda counts: float(np.dot(baseline, counts) / counts.sum()),
        len(candidate),
        resamples=resamples,
        seed=seed,
    )


def _difference(candidate: Figure, baseline: Figure, counts: IntArray) -> float | None:
    a, b = candidate(counts), baseline(counts)
    return None if a is None or b is None else a - b
