"""Log-likelihood of the BG/NBD and MBG/NBD summed over unique weighted rows, with its gradient: what fitting evaluates.

With L(t) = log(1 + t/alpha) and per row with x > 0 the log-odds of dropout
d = log a/(b+x-1) + (r+x)(L(T) - L(t_x)), FHL (2005) eq. (6) is

    sum_x w_x [log (r)_x + log (b)_x - log (a+b)_x - x log alpha] - sum_T (r w_T + x_T) L(T) + sum_rows w log(1 + e^d),

w_x and w_T customers with that x or T, x_T their purchases. The MBG/NBD (Batislam, Denizel, Filiztekin 2007, IJRM
24(3)), where the first purchase may be the last, has b + 1 for b in that, rows with x = 0 among those that may have
dropped out, and log b/(a+b) for each customer beside it: the chance to outlive the first purchase. Finite for any
positive parameters and histories that `rows` lets through.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.rising import log_rising
from ltv.rows import PurchaseRows

FloatArray = npt.NDArray[np.float64]

LARGE_ODDS = 1e17  # beyond it log(1 + e^d) is d to double precision
FLUSH_PRODUCT = 1e200
SAFE_LOG_POWER = 600.0


class _Times(NamedTuple):
    """Per distinct time t, each (D,).

    e^d is a power r + x of (alpha + T)/(alpha + t_x). As rows are ordered by x, `power` and `inverse` are carried from
    one x to the next by a multiplication per distinct time, instead of an exponential per row, where that is less work
    and cannot overflow.
    """

    level: FloatArray  # L(t)
    slope: FloatArray  # dL/dalpha
    step: FloatArray  # e^L
    back: FloatArray  # e^-L
    power: FloatArray  # e^((r + x) L) of the x reached
    inverse: FloatArray  # its inverse


def log_likelihood(draws: FloatArray, rows: PurchaseRows) -> FloatArray:
    """Total log-likelihood of each parameter vector.

    Args:
        draws: (S, 4) r, alpha in the rows' unit of time, a, b; all positive.

    Returns:
        Shape (S,), natural log.
    """
    return np.asarray(_log_likelihood(np.ascontiguousarray(draws, dtype=np.float64), rows, False))


def log_likelihood_and_gradient(params: FloatArray, rows: PurchaseRows) -> tuple[float, FloatArray]:
    """Total log-likelihood at (r, alpha, a, b) and its gradient, shape (4,), with respect to them."""
    gradient = np.empty(4)
    value = log_likelihood_kernel(np.ascontiguousarray(params, dtype=np.float64), rows, False, gradient)
    return float(value), gradient


def mbg_log_likelihood(draws: FloatArray, rows: PurchaseRows) -> FloatArray:
    """`log_likelihood` of the MBG/NBD."""
    return np.asarray(_log_likelihood(np.ascontiguousarray(draws, dtype=np.float64), rows, True))


def mbg_log_likelihood_and_gradient(params: FloatArray, rows: PurchaseRows) -> tuple[float, FloatArray]:
    """`log_likelihood_and_gradient` of the MBG/NBD."""
    gradient = np.empty(4)
    value = log_likelihood_kernel(np.ascontiguousarray(params, dtype=np.float64), rows, True, gradient)
    return float(value), gradient


@numba.njit(cache=True, nogil=True)
def _log_likelihood(draws: FloatArray, rows: PurchaseRows, first_may_be_last: bool) -> FloatArray:
    out = np.empty(len(draws))
    no_gradient = np.empty(0)
    for s in range(len(draws)):
        out[s] = log_likelihood_kernel(draws[s], rows, first_may_be_last, no_gradient)
    return out


@numba.njit(cache=True, nogil=True)
def log_likelihood_kernel(
    params: FloatArray, rows: PurchaseRows, first_may_be_last: bool, gradient: FloatArray
) -> float:
    """Total log-likelihood; fills `gradient`, shape (4,), unless its shape is (0,).

    Args:
        params: r, alpha, a, b.
        rows: the customers.
        first_may_be_last: MBG/NBD, else BG/NBD.
        gradient: to be filled.
    """
    r, alpha, a, b = params[0], params[1], params[2], params[3]
    level = np.log1p(rows.time / alpha)
    step, power = 1.0 + rows.time / alpha, np.exp(r * level)
    times = _Times(
        level=level,
        slope=-rows.time / (alpha * (alpha + rows.time)),
        step=step,
        back=1.0 / step,
        power=power,
        inverse=1.0 / power,
    )
    total = _sums_over_distinct((r, alpha, a, b + 1.0 if first_may_be_last else b), rows, times, gradient)
    if first_may_be_last:
        total -= rows.customers * math.log1p(a / b)
        if len(gradient) > 0:
            gradient[2] -= rows.customers / (a + b)
            gradient[3] += rows.customers * (a / b) / (a + b)
    power_of = 0
    for i in range(len(rows.frequency)):
        here = rows.row_start[i + 1] - rows.row_start[i]
        if here == 0:
            continue
        x = rows.frequency[i]
        if x == 0 and not first_may_be_last:
            continue
        outlived = b + x if first_may_be_last else b + (x - 1.0)  # b itself at x = 1, however small
        base = math.log(a) - math.log(outlived)
        carried = (x - power_of) * len(level) < 8 * here and (r + x) * level[-1] + abs(base) < SAFE_LOG_POWER
        if carried:
            for _ in range(x - power_of):
                for j in range(len(level)):
                    times.power[j] *= times.step[j]
                    times.inverse[j] *= times.back[j]
            power_of = x
        logs, dropped, waited, slope = _sums_over_rows(rows, i, times, (base, r + x), (carried, len(gradient) > 0))
        total += logs
        if len(gradient) > 0:
            gradient[0] += waited
            gradient[1] += (r + x) * slope
            gradient[2] += dropped / a
            gradient[3] -= dropped / outlived
    return total


@numba.njit(cache=True, nogil=True)
def _sums_over_distinct(
    params: tuple[float, float, float, float], rows: PurchaseRows, times: _Times, gradient: FloatArray
) -> float:
    """The sums over distinct x and distinct T; sets `gradient` to their slopes."""
    r, alpha, a, b = params
    n = len(rows.frequency)
    rise, slope = np.empty((3, n)), np.empty((3, n))
    for i, z in enumerate((r, b, a + b)):
        log_rising(z, rows.frequency, rise[i], slope[i])
    x, weight = rows.frequency, rows.frequency_weight
    purchases = np.sum(weight * x)
    of_age = r * rows.age_weight + rows.age_purchases
    if len(gradient) > 0:
        gradient[0] = np.sum(weight * slope[0]) - np.sum(rows.age_weight * times.level)
        gradient[1] = -purchases / alpha - np.sum(of_age * times.slope)
        gradient[2] = -np.sum(weight * slope[2])
        gradient[3] = np.sum(weight * (slope[1] - slope[2]))
    return np.sum(weight * (rise[0] + rise[1] - rise[2])) - purchases * math.log(alpha) - np.sum(of_age * times.level)


@numba.njit(cache=True, nogil=True)
def _sums_over_rows(
    rows: PurchaseRows, i: int, times: _Times, base_and_power: tuple[float, float], options: tuple[bool, bool]
) -> tuple[float, float, float, float]:
    """Over rows of the i-th x: sum of w log(1 + e^d); of w s, w s dd/dr, w s dd/dalpha/(r+x) with s = 1/(1 + e^-d)."""
    base, exponent = base_and_power
    carried, with_gradient = options
    scale = math.exp(base)
    logs, dropped, waited, slope = 0.0, 0.0, 0.0, 0.0
    product = 1.0  # of 1 + e^d, one logarithm for many rows
    for k in range(rows.row_start[i], rows.row_start[i + 1]):
        age, recency, weight = rows.row_age[k], rows.row_recency[k], rows.row_weight[k]
        if carried:
            odds = scale * times.power[age] * times.inverse[recency]
        else:
            odds = math.exp(min(base + exponent * (times.level[age] - times.level[recency]), SAFE_LOG_POWER))
        if odds > LARGE_ODDS:
            logs += weight * (base + exponent * (times.level[age] - times.level[recency]))
        elif weight > 4.0:
            logs += weight * math.log1p(odds)
        else:
            product *= 1.0 + odds
            if weight > 1.0:
                for _ in range(int(weight) - 1):
                    product *= 1.0 + odds
            if product > FLUSH_PRODUCT:
                logs += math.log(product)
                product = 1.0
        if with_gradient:
            share = weight * odds / (1.0 + odds)
            dropped += share
            waited += share * (times.level[age] - times.level[recency])
            slope += share * (times.slope[age] - times.slope[recency])
    return logs + math.log(product), dropped, waited, slope
