"""Gamma-Gamma: spend per purchase varies around a customer's own mean level, levels vary over customers.

A customer's purchases are Gamma(p, nu) with nu ~ Gamma(q, v), so the level p / nu has mean p v / (q - 1) over
customers; q > 1 keeps that mean finite. The level is independent of the purchase process.

Source: Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value (FH; note 025).
"""

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from ltv.rising import digamma
from ltv.rows import SpendRows

FloatArray = npt.NDArray[np.float64]
Floats = float | FloatArray

FLUSH_PRODUCT = 1e150
LARGE_FACTOR = 1e100


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Parameters; floats, or arrays such as (draws, 1) that broadcast against rows."""

    p: Floats  # shape of a customer's spends
    q: Floats  # shape of the spread of levels, greater than 1
    v: Floats  # scale, in the currency

    @property
    def mean(self) -> Floats:
        """Mean spend per purchase over customers: p v / (q - 1)."""
        return self.p * self.v / (self.q - 1)


def log_density(params: GammaGamma, frequency: FloatArray, mean_spend: FloatArray) -> FloatArray:
    """Log density of each customer's mean spend over `frequency` purchases, both positive, shape (rows,).

    Source: FH eq. (1a).
    """
    p, q, v = params.p, params.q, params.v
    shape, spent = p * frequency, frequency * mean_spend
    return np.asarray(
        gammaln(shape + q) - gammaln(shape) - gammaln(q)
        - q * np.log(spent / v) - (shape + q) * np.log1p(v / spent) - np.log(mean_spend)
    )  # fmt: skip


def expected_level(params: GammaGamma, frequency: FloatArray, mean_spend: FloatArray) -> FloatArray:
    """Expected spend level given `frequency` purchases of that mean; the population's mean without any; shape (rows,).

    Source: FH eq. (5), p (v + x m) / (p x + q - 1).
    """
    return np.asarray(params.p * (params.v + frequency * mean_spend) / (params.p * frequency + params.q - 1))


def log_likelihood(draws: FloatArray, rows: SpendRows) -> FloatArray:
    """Total log-likelihood of each parameter vector.

    Args:
        draws: (S, 3) p, q, v in the rows' unit of money; all positive.

    Returns:
        Shape (S,), natural log.
    """
    return np.asarray(_log_likelihood(np.ascontiguousarray(draws, dtype=np.float64), rows))


def log_likelihood_and_gradient(params: FloatArray, rows: SpendRows) -> tuple[float, FloatArray]:
    """Total log-likelihood at (p, q, v) and its gradient, shape (3,), with respect to them."""
    gradient = np.empty(3)
    value = log_likelihood_kernel(np.ascontiguousarray(params, dtype=np.float64), rows, gradient)
    return float(value), gradient


@numba.njit(cache=True, nogil=True)
def _log_likelihood(draws: FloatArray, rows: SpendRows) -> FloatArray:
    out = np.empty(len(draws))
    no_gradient = np.empty(0)
    for s in range(len(draws)):
        out[s] = log_likelihood_kernel(draws[s], rows, no_gradient)
    return out


@numba.njit(cache=True, nogil=True)
def log_likelihood_kernel(params: FloatArray, rows: SpendRows, gradient: FloatArray) -> float:
    """Total log-likelihood; fills `gradient`, shape (3,), unless its shape is (0,)."""
    p, q, v = params[0], params[1], params[2]
    log_v = math.log(v)
    total = q * (rows.customers * log_v - rows.sum_log_spent) - rows.sum_log_mean
    g_p, g_q, g_v = 0.0, rows.customers * log_v - rows.sum_log_spent, rows.customers * q / v
    for i in range(len(rows.frequency)):
        shape, weight = p * rows.frequency[i], rows.frequency_weight[i]
        logs, inverses = _sums_over_rows(rows, i, v, len(gradient) > 0)
        total += weight * (math.lgamma(shape + q) - math.lgamma(shape) - math.lgamma(q)) - (shape + q) * logs
        if len(gradient) > 0:
            slope = digamma(shape + q)
            g_p += rows.frequency[i] * (weight * (slope - digamma(shape)) - logs)
            g_q += weight * (slope - digamma(q)) - logs
            g_v -= (shape + q) * inverses
    if len(gradient) > 0:
        gradient[0], gradient[1], gradient[2] = g_p, g_q, g_v
    return total


@numba.njit(cache=True, nogil=True)
def _sums_over_rows(rows: SpendRows, i: int, v: float, with_slope: bool) -> tuple[float, float]:
    """sum of w log(1 + v / (x m)) and its slope in v, over the rows of frequency i."""
    logs, slope = 0.0, 0.0
    product = 1.0  # one logarithm for many rows
    for k in range(rows.start[i], rows.start[i + 1]):
        factor = 1.0 + v * rows.inverse_spent[k]
        if rows.weight[k] == 1.0 and factor < LARGE_FACTOR:
            product *= factor
            if product > FLUSH_PRODUCT:
                logs += math.log(product)
                product = 1.0
        else:
            logs += rows.weight[k] * math.log(factor)
        if with_slope:
            slope += rows.weight[k] * rows.inverse_spent[k] / factor
    return logs + math.log(product), slope
