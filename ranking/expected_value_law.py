"""The law of a customer's own expected value (b), by what is stored of it: mean and five quantiles.

Linear between the stored quantiles and below them down to what the lowest two reach at level 0, never across 0; above
the highest an exponential tail, as long as the mean asks for.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core import columns as c

FloatArray: TypeAlias = NDArray[np.float64]

LEVELS = (0.0, *c.QUANTILE_LEVELS)
"""Of the knots; the tail is above the last of them."""


class Laws(NamedTuple):
    """One law per customer."""

    knots: FloatArray  # (customers, 6) quantiles at LEVELS, never decreasing along a row
    tail: FloatArray  # (customers,) mean excess over the last knot, given more than it; 0 where that is an atom


def laws(mean: FloatArray, quantiles: tuple[FloatArray, ...]) -> Laws:
    """The laws of customers.

    Args:
        mean: shape (customers,).
        quantiles: at farview.core.columns.QUANTILE_LEVELS, each shape (customers,).
    """
    return Laws(*_laws(mean, quantiles, np.array(LEVELS)))


def quantile(of: Laws, levels: FloatArray) -> FloatArray:
    """The quantile of each law at a level of its own, in (0, 1), shape (customers,)."""
    return np.asarray(_quantile(of.knots, of.tail, np.array(LEVELS), levels))


@njit(cache=True, nogil=True)
def _laws(mean, quantiles, levels):  # type: ignore[no-untyped-def]
    knots, tail = np.empty((len(mean), len(levels))), np.empty(len(mean))
    for i in range(len(mean)):
        for k in range(len(quantiles)):
            knots[i, k + 1] = quantiles[k][i]
        least = 2.0 * knots[i, 1] - knots[i, 2]
        knots[i, 0] = max(least, 0.0) if knots[i, 1] >= 0 else least
        body = 0.0
        for k in range(len(levels) - 1):
            body += 0.5 * (knots[i, k] + knots[i, k + 1]) * (levels[k + 1] - levels[k])
        tail[i] = max((mean[i] - body) / (1.0 - levels[-1]) - knots[i, -1], 0.0)
    return knots, tail


@njit(cache=True, nogil=True)
def _quantile(knots, tail, levels, asked):  # type: ignore[no-untyped-def]
    found, above = np.empty(len(asked)), 1.0 - levels[-1]
    for i in range(len(asked)):
        level = asked[i]
        if level > levels[-1]:
            found[i] = knots[i, -1] + tail[i] * np.log(above / max(1.0 - level, 1e-300))
            continue
        k = 0
        while k < len(levels) - 2 and level >= levels[k + 1]:
            k += 1
        part = (level - levels[k]) / (levels[k + 1] - levels[k])
        found[i] = knots[i, k] + part * (knots[i, k + 1] - knots[i, k])
    return found
