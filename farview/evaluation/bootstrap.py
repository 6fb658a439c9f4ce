"""Paired bootstrap: is the difference between two forecasts of the same customers more than chance?"""

from collections.abc import Callable, Mapping
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


def resample(figures: Mapping[str, Figure], customers: int, *, resamples: int, seed: int) -> dict[str, FloatArray]:
    """Every figure on the same resamples, the same across calls with the same seed and number of customers.

    Args:
        figures: by name, each a function of counts, shape (customers,).
        customers: how many there are.
        resamples: how many.
        seed: of the resamples.

    Returns:
        By name, shape (1 + resamples,): on the customers as they are, then on each resample; NaN where undefined.
    """
    rng = generator(seed, "paired bootstrap")
    out = {name: np.full(1 + resamples, np.nan) for name in figures}
    for k in range(1 + resamples):
        drawn = np.arange(customers) if k == 0 else rng.integers(0, customers, customers)
        counts = np.bincount(drawn, minlength=customers)
        for name, figure in figures.items():
            value = figure(counts)
            out[name][k] = np.nan if value is None else value
    return out


def difference(candidate: FloatArray, baseline: FloatArray) -> Difference | None:
    """Candidate minus baseline, from one call of `resample`; None when undefined on the customers as they are."""
    gaps = candidate - baseline
    drawn = gaps[1:][~np.isnan(gaps[1:])]
    if np.isnan(gaps[0]) or len(drawn) < 2:
        return None
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    return Difference(float(gaps[0]), float(drawn.std(ddof=1)), float(lower), float(upper))


def resampled_ginis(
    actual: FloatArray, forecasts: Mapping[str, FloatArray], *, resamples: int = 200, seed: int = 0
) -> dict[str, FloatArray]:
    """`resample` of every forecast's normalised Gini; forecasts by name, each shape (customers,)."""
    figures = {name: Ordering(actual, forecast).gini for name, forecast in forecasts.items()}
    return resample(figures, len(actual), resamples=resamples, seed=seed)


def resampled_means(scores: Mapping[str, FloatArray], *, resamples: int = 200, seed: int = 0) -> dict[str, FloatArray]:
    """`resample` of the means of per-customer scores (such as CRPS); by name, each shape (customers,)."""
    customers = {len(score) for score in scores.values()}.pop()
    figures = {name: _mean_of(score) for name, score in scores.items()}
    return resample(figures, customers, resamples=resamples, seed=seed)


def _mean_of(score: FloatArray) -> Figure:
    return lambda counts: float((score * counts).sum() / counts.sum())
