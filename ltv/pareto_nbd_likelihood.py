"""Log-likelihood of the Pareto/NBD summed over unique weighted rows, with its gradient: what fitting evaluates.

It is that of being alive at T times 1 + odds of dropout (`pareto_nbd`). One row's odds take an integral from t_x to T.
Where only the value is asked for, thousands of times, all rows with one x share it: with the integrand
g(t) = (alpha + t)^-(r + x) (beta + t)^-(s + 1) and its scaled integral to the last time, E(t) = int_t g / g(t),

    odds = s / (beta + T) (g(t_x) / g(T) E(t_x) - E(T)),

E by Gauss-Legendre panels between distinct times, from the last to the first, and every power carried from one x to the
next by a multiplication. Rows of so large an x that a panel is too coarse are integrated one by one.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_math import exp_of, log_of
from ltv.pareto_nbd import log_odds_of_dropout
from ltv.rising import log_rising
from ltv.rows import PurchaseRows

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LARGE_ODDS = 1e17  # beyond it log(1 + odds) is log odds to double precision
FLUSH_PRODUCT = 1e200
SAFE_LOG_POWER = 500.0
POINTS = 7  # of a panel: 1e-11 of it up to the limits below
WIDEST_PANEL = 0.25  # of log(alpha + t) and of log(beta + t)
DEEPEST_PANEL = 4.0  # of log g
DEAREST = 8  # a row on its own costs about as much as so many panels


def _rule() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss-Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    return 0.5 * (nodes + 1.0), 0.5 * weights


_NODES, _WEIGHTS = _rule()


class _Panels(NamedTuple):
    """Panels between distinct times, the wide ones split; M edges. Powers are those of the x reached."""

    edge: IntArray  # (D,) which edge each distinct time is
    term: FloatArray  # (M - 1, POINTS) weight times g(node) / g(panel's start)
    step: FloatArray  # (M - 1, POINTS) (alpha + start) / (alpha + node)
    fall: FloatArray  # (M - 1,) g(end) / g(start)
    fall_step: FloatArray  # (M - 1,) (alpha + start) / (alpha + end)
    power: FloatArray  # (D,) 1 / g(t), times g(0)
    power_step: FloatArray  # (D,) 1 + t / alpha
    deepest: tuple[float, float]  # panel in log(alpha + t) and in log(beta + t)


def log_likelihood(draws: FloatArray, rows: PurchaseRows) -> FloatArray:
    """Total log-likelihood of each parameter vector.

    Args:
        draws: (S, 4) r, alpha and beta in the rows' unit of time, s; in the order r, alpha, s, beta; all positive.

    Returns:
        Shape (S,), natural log.

    Source: FH eq. (18), as the likelihood of being alive at T times 1 + odds of dropout.
    """
    return np.asarray(_log_likelihood(np.ascontiguousarray(draws, dtype=np.float64), rows))


def log_likelihood_and_gradient(params: FloatArray, rows: PurchaseRows) -> tuple[float, FloatArray]:
    """Total log-likelihood at (r, alpha, s, beta) and its gradient, shape (4,), with respect to them."""
    gradient = np.empty(4)
    value = log_likelihood_kernel(np.ascontiguousarray(params, dtype=np.float64), rows, gradient)
    return float(value), gradient


@numba.njit(cache=True, nogil=True)
def log_likelihood_kernel(params: FloatArray, rows: PurchaseRows, gradient: FloatArray) -> float:
    """Total log-likelihood, row by row, and its gradient, shape (4,)."""
    total = _sums_over_distinct(params, rows, gradient)
    at = (params[0], params[1], params[2], params[3])
    slope = np.empty(len(gradient))
    for i in range(len(rows.frequency)):
        x = float(rows.frequency[i])
        for k in range(rows.row_start[i], rows.row_start[i + 1]):
            recency, age, weight = rows.time[rows.row_recency[k]], rows.time[rows.row_age[k]], rows.row_weight[k]
            if not age > recency:
                continue
            odds = log_odds_of_dropout(at, x, recency, age, slope)
            ratio = math.exp(-abs(odds))  # of the less to the more likely of dead and alive
            dead = 1.0 / (1.0 + ratio) if odds > 0.0 else ratio / (1.0 + ratio)
            total += weight * (max(odds, 0.0) + math.log1p(ratio))
            if len(gradient) > 0:
                for j in range(4):
                    gradient[j] += weight * dead * slope[j]
    return total


@numba.njit(cache=True, nogil=True)
def _sums_over_distinct(params: FloatArray, rows: PurchaseRows, gradient: FloatArray) -> float:
    """The log-likelihood of being alive at T; sets `gradient` to its slopes."""
    r, alpha, s, beta = params[0], params[1], params[2], params[3]
    rise, slope = np.empty(len(rows.frequency)), np.empty(len(rows.frequency))
    log_rising(r, rows.frequency, rise, slope)
    level, life = np.log1p(rows.time / alpha), np.log1p(rows.time / beta)
    purchases = np.sum(rows.frequency_weight * rows.frequency)
    of_age = r * rows.age_weight + rows.age_purchases
    if len(gradient) > 0:
        gradient[0] = np.sum(rows.frequency_weight * slope) - np.sum(rows.age_weight * level)
        gradient[1] = np.sum(of_age * rows.time / (alpha * (alpha + rows.time))) - purchases / alpha
        gradient[2] = -np.sum(rows.age_weight * life)
        gradient[3] = s * np.sum(rows.age_weight * rows.time / (beta * (beta + rows.time)))
    alive = np.sum(of_age * level) + s * np.sum(rows.age_weight * life) + purchases * math.log(alpha)
    return np.sum(rows.frequency_weight * rise) - alive


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _log_likelihood(draws: FloatArray, rows: PurchaseRows) -> FloatArray:
    out = np.empty(len(draws))
    no_gradient = np.empty(0)
    for k in range(len(draws)):
        params = (draws[k, 0], draws[k, 1], draws[k, 2], draws[k, 3])
        out[k] = _sums_over_distinct(draws[k], rows, no_gradient) + _sum_over_rows(params, rows)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sum_over_rows(params: tuple[float, float, float, float], rows: PurchaseRows) -> float:
    """Sum of w log(1 + odds of dropout)."""
    r, alpha, s, beta = params
    panels = _panels(params, rows.time)
    integral, last = np.empty(len(panels.fall) + 1), rows.time[-1]
    level, life = math.log1p(last / alpha), (s + 1.0) * math.log1p(last / beta)
    total, reached = 0.0, 0
    for i in range(len(rows.frequency)):
        x, here = rows.frequency[i], rows.row_start[i + 1] - rows.row_start[i]
        if here == 0:
            continue
        coarse = (r + x) * panels.deepest[0] + (s + 1.0) * panels.deepest[1] > DEEPEST_PANEL
        if coarse or (r + x) * level + life > SAFE_LOG_POWER or (x - reached) * len(panels.fall) > DEAREST * here:
            total += _one_by_one(params, rows, i)
            continue
        for _ in range(x - reached):
            panels.term[:] *= panels.step
            panels.fall[:] *= panels.fall_step
            panels.power[:] *= panels.power_step
        reached = x
        integral[-1] = 0.0
        for m in range(len(panels.fall) - 1, -1, -1):
            inside = 0.0
            for k in range(POINTS):
                inside += panels.term[m, k]
            integral[m] = inside + panels.fall[m] * integral[m + 1]
        total += _together((s, beta), rows, i, panels, integral)
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _together(of: tuple[float, float], rows: PurchaseRows, i: int, panels: _Panels, integral: FloatArray) -> float:
    """Sum of w log(1 + odds) over rows of the i-th x; `of` is s and beta, `integral` E at every edge."""
    s, beta = of
    logs, product = 0.0, 1.0  # of 1 + odds: one logarithm for many rows
    for k in range(rows.row_start[i], rows.row_start[i + 1]):
        age, recency, weight = rows.row_age[k], rows.row_recency[k], rows.row_weight[k]
        since = panels.power[age] / panels.power[recency] * integral[panels.edge[recency]]
        odds = max(s / (beta + rows.time[age]) * (since - integral[panels.edge[age]]), 0.0)
        if weight > 4.0 or odds > LARGE_ODDS:
            logs += weight * math.log1p(odds)
            continue
        for _ in range(int(weight)):
            product *= 1.0 + odds
            if product > FLUSH_PRODUCT:
                logs += math.log(product)
                product = 1.0
    return logs + math.log(product)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _one_by_one(params: tuple[float, float, float, float], rows: PurchaseRows, i: int) -> float:
    """As `_together`, an integral a row."""
    logs, no_gradient = 0.0, np.empty(0)
    for k in range(rows.row_start[i], rows.row_start[i + 1]):
        recency, age = rows.time[rows.row_recency[k]], rows.time[rows.row_age[k]]
        odds = log_odds_of_dropout(params, float(rows.frequency[i]), recency, age, no_gradient)
        logs += rows.row_weight[k] * (max(odds, 0.0) + math.log1p(math.exp(-abs(odds))))
    return logs


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _panels(params: tuple[float, float, float, float], time: FloatArray) -> _Panels:
    """Panels over the distinct times, powers for x = 0."""
    r, alpha, s, beta = params
    edge, parts = np.zeros(len(time), dtype=np.int64), np.ones(len(time), dtype=np.int64)
    least = min(alpha, beta)
    for d in range(1, len(time)):
        parts[d] = 1 + int(math.log((least + time[d]) / (least + time[d - 1])) / WIDEST_PANEL)
        edge[d] = edge[d - 1] + parts[d]
    size = edge[-1]
    term, step = np.empty((size, POINTS)), np.empty((size, POINTS))
    fall, fall_step = np.empty(size), np.empty(size)
    deepest_a, deepest_b, m = 0.0, 0.0, 0
    for d in range(1, len(time)):
        growth = math.log((least + time[d]) / (least + time[d - 1])) / parts[d]
        start = time[d - 1]
        for part in range(parts[d]):
            end = time[d] if part == parts[d] - 1 else (least + start) * math.exp(growth) - least
            ratio_a, ratio_b = (alpha + start) / (alpha + end), (beta + start) / (beta + end)
            deepest_a, deepest_b = max(deepest_a, -math.log(ratio_a)), max(deepest_b, -math.log(ratio_b))
            fall_step[m], fall[m] = ratio_a, exp_of(r * log_of(ratio_a) + (s + 1.0) * log_of(ratio_b))
            for k in range(POINTS):
                node = start + (end - start) * _NODES[k]
                step[m, k] = (alpha + start) / (alpha + node)
                log_decay = r * log_of(step[m, k]) + (s + 1.0) * log_of((beta + start) / (beta + node))
                term[m, k] = _WEIGHTS[k] * (end - start) * exp_of(log_decay)
            start, m = end, m + 1
    power_step = 1.0 + time / alpha
    power = np.exp(np.minimum(r * np.log1p(time / alpha) + (s + 1.0) * np.log1p(time / beta), SAFE_LOG_POWER))
    return _Panels(edge, term, step, fall, fall_step, power, power_step, (deepest_a, deepest_b))
