"""Exceedance and CVaR of many stored laws at once, straight from their codes: a million in a tenth of a second.

What `farview.core.quantile_grid` computes from decoded points, row by row without any array between: a test holds the
two equal. Codes are float16 multiples of the conditional mean; of numbers from 0 on, their bits order as they do.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.core.quantile_grid import LEVELS, WIDTHS

FloatArray = NDArray[np.float64]
Codes = NDArray[np.float16]

_INFINITE = 0x7C00  # of the bits of a float16; NaN and numbers below 0 are above


def exceedances(p_zero: FloatArray, mean: FloatArray, codes: Codes, threshold: float) -> FloatArray:
    """P(value > threshold), shape (customers,).

    Args:
        p_zero: shape (customers,), P(value = 0).
        mean: shape (customers,), of the whole law.
        codes: shape (customers, 33), quantiles given that the value is not 0, as multiples of the conditional mean.
        threshold: at least 0, in the unit of `mean`.

    Raises:
        InvalidInput: a grid is not finite and never decreasing.
    """
    return _checked(_exceedances(p_zero, mean, _bits(codes), _doubles(), LEVELS, WIDTHS, threshold))


def conditional_tails(p_zero: FloatArray, mean: FloatArray, codes: Codes, tail: float, *, upper: bool) -> FloatArray:
    """Mean of the best (upper) or worst `tail` of each whole law, zeros included, shape (customers,).

    Args:
        p_zero, mean, codes: as `exceedances`.
        tail: in (0, 1].

    Raises:
        InvalidInput: as `exceedances`.

    Source: Rockafellar, Uryasev (2002), J. Banking & Finance 26, eq. (27): the mean of the quantiles of the tail.
    """
    return _checked(_tails(p_zero, mean, _bits(codes), _doubles(), LEVELS, WIDTHS, tail, upper))


def _bits(codes: Codes) -> NDArray[np.uint16]:
    return np.ascontiguousarray(codes).view(np.uint16)


@lru_cache(maxsize=1)
def _doubles() -> FloatArray:
    """The number of each float16, by its bits; shape (65536,)."""
    with np.errstate(invalid="ignore"):
        return np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)


def _checked(found: FloatArray) -> FloatArray:
    if np.isnan(found).any():
        raise InvalidInput.of("grid", "a stored grid is not finite and never decreasing (damaged: score again)")
    return found


@njit(cache=True, nogil=True)
def _scale(bits, doubles, widths, conditional_mean):  # type: ignore[no-untyped-def]
    """What the codes are to be multiplied by, so that the points have the conditional mean; NaN: damaged."""
    total = 0.0
    for k in range(len(bits) - 1):
        if bits[k] > bits[k + 1]:
            return np.nan
        total += 0.5 * (doubles[bits[k]] + doubles[bits[k + 1]]) * widths[k]
    if bits[-1] >= _INFINITE:
        return np.nan
    return conditional_mean / total if total > 0 else conditional_mean


@njit(cache=True, nogil=True)
def _exceedances(p_zero, mean, bits, doubles, levels, widths, threshold):  # type: ignore[no-untyped-def]
    found = np.zeros(len(p_zero))
    for i in range(len(p_zero)):
        some = 1.0 - p_zero[i]
        scale = _scale(bits[i], doubles, widths, mean[i] / some if some > 0 else 0.0)
        if np.isnan(scale):
            found[i] = np.nan
        elif scale > 0:
            found[i] = some * (1.0 - _inside(bits[i], doubles, levels, widths, threshold / scale))
    return found


@njit(cache=True, nogil=True)
def _inside(bits, doubles, levels, widths, y):  # type: ignore[no-untyped-def]
    """Cdf given not 0 at y, continuous from the right."""
    after = 0
    while after < len(bits) and doubles[bits[after]] <= y:
        after += 1
    if after == 0:
        return 0.0
    if after == len(bits):
        return 1.0
    low, high = doubles[bits[after - 1]], doubles[bits[after]]
    return levels[after - 1] + widths[after - 1] * (y - low) / (high - low)


@njit(cache=True, nogil=True)
def _tails(p_zero, mean, bits, doubles, levels, widths, tail, upper):  # type: ignore[no-untyped-def]
    found = np.zeros(len(p_zero))
    for i in range(len(p_zero)):
        some = 1.0 - p_zero[i]
        scale = _scale(bits[i], doubles, widths, mean[i] / some if some > 0 else 0.0)
        if np.isnan(scale):
            found[i] = np.nan
        elif some > 0:
            cut = min(max(((1.0 - tail if upper else tail) - p_zero[i]) / some, 0.0), 1.0)
            below = _integral(bits[i], doubles, levels, widths, cut)
            whole = _integral(bits[i], doubles, levels, widths, 1.0)
            found[i] = some * scale * (whole - below if upper else below) / tail
    return found


@njit(cache=True, nogil=True)
def _integral(bits, doubles, levels, widths, upto):  # type: ignore[no-untyped-def]
    """Of the quantiles given not 0, from level 0 to `upto`."""
    total = 0.0
    for k in range(len(widths)):
        part = min((upto - levels[k]) / widths[k], 1.0)
        if part <= 0.0:
            break
        low, high = doubles[bits[k]], doubles[bits[k + 1]]
        total += widths[k] * part * (low + 0.5 * part * (high - low))
    return total
