"""Quantile grids of the laws of sequence networks: zero-inflated negative binomial counts, lognormal amounts."""

from functools import cache

import numba
import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtr, ndtri

from farview.core import quantile_grid as grid
from farview.core.cell_points import fit_cells
from farview.core.count_points import count_points
from ltv.count_law import CountLaw

FloatArray = npt.NDArray[np.float64]

MOST_COUNTED = 1024  # purchases; laws that reach further are read at some counts only
REST = 1e-9  # of P(N > 0), which may lie beyond the largest count
WIDTHS = 257  # lognormal laws that are tabulated
LEAST_WIDTH, MOST_WIDTH = 1e-3, 4.0  # sd of the logarithm


def count_grids(mean: FloatArray, shape: FloatArray) -> FloatArray:
    """Points of negative binomial counts given that they are not 0; a mass at 0 beside them changes nothing.

    Args:
        mean: of the negative binomial, (laws,), positive.
        shape: of the gamma law of its rates, (laws,).

    Returns:
        (laws, 33).
    """
    points = np.empty((len(mean), len(grid.LEVELS)))
    # ln P(N = 1): below it the recursion from 1 on would start at nothing.
    first = np.log(mean) + np.log(shape) - np.log(shape + mean) + shape * np.log(shape / (shape + mean))
    some = -np.expm1(-shape * np.log1p(mean / shape))
    counted = np.zeros(len(mean), dtype=np.bool_)
    _count_grids(np.stack([mean, shape, first, some], axis=1), grid.LEVELS, points, counted)
    for i in np.flatnonzero(~counted):
        points[i] = _large(float(mean[i]), float(shape[i]), float(some[i]))
    return points


def _large(mean: float, shape: float, some: float) -> FloatArray:
    share = mean / (shape + mean)
    spread = float(np.sqrt(mean + mean * mean / shape))
    bulk = (max(mean - 6.0 * spread, 1.0), mean + 10.0 * spread)
    return CountLaw.of(lambda n: betainc(n, shape, share), bulk, some).points(grid.LEVELS, mean / some)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _count_grids(laws: FloatArray, levels: FloatArray, points: FloatArray, counted: npt.NDArray[np.bool_]) -> None:
    """Laws (laws, 4): mean, shape, ln P(1), P(N > 0). Those that reach beyond MOST_COUNTED are left out."""
    at_least = np.empty(MOST_COUNTED + 2)
    for i in range(len(laws)):
        mean, shape, first, some = laws[i]
        if first < -600.0:
            continue
        p, rest, n = np.exp(first), some, 1
        at_least[0], at_least[1] = 1.0, some
        while n < MOST_COUNTED and rest - p > REST * some:
            rest -= p
            n += 1
            at_least[n] = rest
            p *= (n - 1 + shape) / n * (mean / (mean + shape))
        if n == MOST_COUNTED:
            continue
        at_least[n + 1] = 0.0
        count_points(at_least, n, mean / some, levels, points[i])
        counted[i] = True


def amount_grids(variation: FloatArray) -> FloatArray:
    """Points of lognormal laws with mean 1 and a squared coefficient of variation, (laws,); result (laws, 33)."""
    table, step = _lognormal_table()
    width = np.clip(np.sqrt(np.log1p(variation)), LEAST_WIDTH, MOST_WIDTH)
    place = np.minimum((width - LEAST_WIDTH) / step, WIDTHS - 1.0001)
    low = place.astype(np.int64)
    part = (place - low)[:, None]
    return np.asarray((1.0 - part) * table[low] + part * table[low + 1])


@cache
def _lognormal_table() -> tuple[FloatArray, float]:
    """Points at WIDTHS sds of the logarithm, and the step between them. Every row, and every mixture, has mean 1."""
    widths = np.linspace(LEAST_WIDTH, MOST_WIDTH, WIDTHS)
    table = np.empty((WIDTHS, len(grid.LEVELS)))
    inner = ndtri(grid.LEVELS[1:-1])
    for k, width in enumerate(widths):
        points = np.concatenate([[0.0], np.exp(width * inner - 0.5 * width * width), [0.0]])
        below = np.concatenate([[0.0], ndtr(inner - width), [1.0]])  # of the mean, by each level
        fit_cells(np.diff(below) / grid.WIDTHS, points)
        table[k] = points / float(0.5 * (points[1:] + points[:-1]) @ grid.WIDTHS)
    return table, float(widths[1] - widths[0])
