"""Spend learnt from the first purchase too: a Gamma-Gamma whose first purchase has a shape and a mean of its own.

Most customers never come back: the first purchase is all they tell of their spend level. It is like a repeat purchase
of the same customer up to how regular (shape f) and how large (ratio) first purchases are:

    nu ~ Gamma(q, v);  repeat purchases ~ Gamma(p, nu);  first purchase ~ Gamma(f, w nu),  w = f / (ratio p),

so that its mean is `ratio` times the customer's mean repeat spend p / nu. Given x repeat purchases of mean m and a
first one of y, nu ~ Gamma(q + p x + f, v + x m + w y). With f = 0 it is the Gamma-Gamma of Fader, Hardie (2013), note
025, whose eq. (1a) is extended here by the factor of y; the data choose how much a first purchase teaches (f) and what
it is worth.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_math import log_of
from ltv.rising import digamma
from ltv.rows import FirstSpendRows

FloatArray = npt.NDArray[np.float64]


def log_likelihood(draws: FloatArray, rows: FirstSpendRows) -> FloatArray:
    """Total log-likelihood of each parameter vector: density of mean repeat spends and first purchases.

    Args:
        draws: (S, 5) p, q, v in the rows' unit of money, first_shape, first_ratio; all positive.

    Returns:
        Shape (S,), natural log.
    """
    return np.asarray(_log_likelihood(np.ascontiguousarray(draws, dtype=np.float64), rows))


def log_likelihood_and_gradient(params: FloatArray, rows: FirstSpendRows) -> tuple[float, FloatArray]:
    """Total log-likelihood at (p, q, v, first_shape, first_ratio) and its gradient, shape (5,)."""
    gradient = np.empty(5)
    value = log_likelihood_kernel(np.ascontiguousarray(params, dtype=np.float64), rows, gradient)
    return float(value), gradient


@numba.njit(cache=True, nogil=True)
def _log_likelihood(draws: FloatArray, rows: FirstSpendRows) -> FloatArray:
    out = np.empty(len(draws))
    no_gradient = np.empty(0)
    for s in range(len(draws)):
        out[s] = log_likelihood_kernel(draws[s], rows, no_gradient)
    return out


@numba.njit(cache=True, nogil=True)
def log_likelihood_kernel(params: FloatArray, rows: FirstSpendRows, gradient: FloatArray) -> float:
    """Total log-likelihood; fills `gradient`, shape (5,), unless its shape is (0,)."""
    p, q, v, f, ratio = params[0], params[1], params[2], params[3], params[4]
    w = f / (ratio * p)
    total = (p * rows.repeat_logs - rows.sum_log_mean) + (f - 1.0) * rows.sum_log_first
    g_p, g_q, g_v, g_f, g_w = rows.repeat_logs, 0.0, 0.0, rows.sum_log_first, 0.0
    for i in range(len(rows.frequency)):
        x, seen, weight = rows.frequency[i], rows.seen[i], rows.group_weight[i]
        shape = q + p * x + f * seen
        logs, inverses, firsts = _sums_over_rows(rows, i, v, w)
        total += weight * (q * math.log(v) + math.lgamma(shape) - math.lgamma(q)) - shape * logs
        if x > 0.0:
            total -= weight * math.lgamma(p * x)
        if seen > 0.0:
            total += weight * (f * math.log(w) - math.lgamma(f))
        if len(gradient) > 0:
            slope = weight * digamma(shape) - logs
            g_p += x * (slope - (weight * digamma(p * x) if x > 0.0 else 0.0))
            g_q += weight * (math.log(v) - digamma(q)) + slope
            g_v += weight * q / v - shape * inverses
            g_f += seen * (slope + weight * (math.log(w) - digamma(f)))
            g_w += seen * weight * f / w - shape * firsts
    if len(gradient) > 0:
        gradient[0], gradient[1], gradient[2] = g_p - g_w * w / p, g_q, g_v
        gradient[3], gradient[4] = g_f + g_w * w / f, -g_w * w / ratio
    return total


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _sums_over_rows(rows: FirstSpendRows, i: int, v: float, w: float) -> tuple[float, float, float]:
    """Over rows of group i: sum of n log(v + x m + w y), and its slopes in v and in w; n customers share a row."""
    logs, inverses, firsts = 0.0, 0.0, 0.0
    for k in range(rows.start[i], rows.start[i + 1]):
        rate = v + rows.spent[k] + w * rows.first[k]
        share = rows.weight[k] / rate
        logs += rows.weight[k] * log_of(rate)
        inverses += share
        firsts += share * rows.first[k]
    return logs, inverses, firsts
