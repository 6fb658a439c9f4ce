"""Has a distribution moved since? The population stability index beside what chance alone makes of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL = 0.95
BINS = 10
_SMALLEST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a figure has moved, and how far chance alone would move it."""

    psi: float
    limit: float  # LEVEL quantile of the index when nothing has moved
    rows: tuple[int, int]  # then, now

    @property
    def moved(self) -> bool:
        """Whether the index lies beyond what chance makes of it."""
        return self.psi > self.limit


def population_stability(then: FloatArray, now: FloatArray, clusters: tuple[IntArray, IntArray]) -> Drift:
    """The index sum (q - p) ln(q / p) over bins of equal mass of `then`, and its quantile when nothing has moved.

    Under no drift the index is (1 / n + 1 / m) times a chi-square of bins - 1 degrees of freedom (Yurdakul & Naranjo,
    2020, Journal of Risk Model Validation 14(4), section 3). Rows of a cluster are not independent, which is worth
    fewer rows: the quantile is raised by the mean design effect of the bins (Rao & Scott, 1981, JASA 76, section 4).

    Args:
        then: figures of the reference, shape (n,), at least one.
        now: figures to compare, shape (m,), at least one.
        clusters: whose each row is, shapes (n,) and (m,).
    """
    edges = np.unique(np.quantile(then, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = [np.searchsorted(edges, figures, side="right") for figures in (then, now)]
    count = len(edges) + 1
    shares = [np.maximum(np.bincount(each, minlength=count) / len(each), _SMALLEST_SHARE) for each in bins]
    psi = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    worth = sum(_design_effect(each, whose, count) / len(each) for each, whose in zip(bins, clusters, strict=True))
    limit = float(worth * chi2.ppf(LEVEL, count - 1)) if count > 1 else 0.0
    return Drift(psi, limit, (len(then), len(now)))


def _design_effect(bins: IntArray, cluster: IntArray, count: int) -> float:
    """Mean over bins of the variance of a share over that of independent rows, at least 1."""
    _, whose = np.unique(cluster, return_inverse=True)
    size, n = np.bincount(whose).astype(np.float64), len(bins)
    effects = []
    for number in range(count):
        inside = bins == number
        share = inside.mean()
        if 0 < share < 1:
            residual = np.bincount(whose, inside) - share * size
            effects.append(float(np.sum(residual**2)) / (n * share * (1 - share)))
    return max(float(np.mean(effects)) if effects else 1.0, 1.0)
