"""BG/BB: at each opportunity a living customer buys with a chance of their own, and may drop out before any of them.

Chances to buy vary over customers by Beta(alpha, beta), chances to drop out by Beta(gamma, delta), independently.

Source: Fader, Hardie, Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting, Marketing Science
29(6), 1086-1108 (FHS), eq. (7): with B the Beta function, a history (x, t_x, n) has likelihood

    B(alpha + x, beta + n - x) B(gamma, delta + n) / c + sum over i from t_x to n - 1 of f(i),
    f(i) = B(alpha + x, beta + i - x) B(gamma + 1, delta + i) / c,   c = B(alpha, beta) B(gamma, delta).

Histories of one x share the terms f, which fall with i. One pass downwards over i has rho(i) = sum of f(k) / f(i) over
k >= i, a number between 1 and the count of terms, so that nothing overflows; a history's sum is f(t_x) rho(t_x) less
f(n) rho(n).
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.opportunities import OpportunityRows

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class _Rising(NamedTuple):
    """log (z)_k at whole k up to the most opportunities, and its slope in z; for each of the five z below."""

    level: FloatArray  # (5, N + 2)
    slope: FloatArray  # (5, N + 2)


BUY, SKIP, EITHER, STAY, LIVE = 0, 1, 2, 3, 4
"""z = alpha, beta, alpha + beta, delta, gamma + delta."""


class _Tails(NamedTuple):
    """Of one x, by i from its smallest t_x to its largest n."""

    log_term: FloatArray  # log f(i)
    rho: FloatArray  # sum of f(k) over k >= i, over f(i)
    slope: FloatArray  # (4, i) slopes of that sum in alpha, beta, gamma, delta, over f(i)


def log_likelihood(draws: FloatArray, rows: OpportunityRows) -> FloatArray:
    """Total log-likelihood of each parameter vector.

    Args:
        draws: (S, 4) alpha, beta, gamma, delta; beta and delta in `rows.unit` opportunities; all positive.
        rows: the customers.

    Returns:
        Shape (S,), natural log.
    """
    return np.asarray(_log_likelihood(np.ascontiguousarray(draws, dtype=np.float64), rows))


def log_likelihood_and_gradient(params: FloatArray, rows: OpportunityRows) -> tuple[float, FloatArray]:
    """Total log-likelihood at (alpha, beta, gamma, delta) and its gradient, shape (4,), with respect to them."""
    gradient = np.empty(4)
    value = log_likelihood_kernel(np.ascontiguousarray(params, dtype=np.float64), rows, gradient)
    return float(value), gradient


@numba.njit(cache=True, nogil=True)
def _log_likelihood(draws: FloatArray, rows: OpportunityRows) -> FloatArray:
    out = np.empty(len(draws))
    no_gradient = np.empty(0)
    for s in range(len(draws)):
        out[s] = log_likelihood_kernel(draws[s], rows, no_gradient)
    return out


@numba.njit(cache=True, nogil=True)
def log_likelihood_kernel(params: FloatArray, rows: OpportunityRows, gradient: FloatArray) -> float:
    """Total log-likelihood; fills `gradient`, shape (4,), unless its shape is (0,)."""
    at = (params[0], params[1] * rows.unit, params[2], params[3] * rows.unit)
    longest = np.max(rows.age)
    rising = _rising(at, longest)
    tails = _Tails(np.empty(longest + 1), np.empty(longest + 1), np.empty((4, longest + 1)))
    total, slope, here = 0.0, np.zeros(4), np.empty(4)
    for i in range(len(rows.frequency)):
        x, low, high = rows.frequency[i], longest, 0
        for k in range(rows.start[i], rows.start[i + 1]):
            low, high = min(low, rows.recency[k]), max(high, rows.age[k])
        _fill_tails(x, low, high, at, rising, tails, len(gradient) > 0)
        for k in range(rows.start[i], rows.start[i + 1]):
            total += rows.weight[k] * _of_history((x, rows.recency[k], rows.age[k]), rising, tails, here)
            if len(gradient) > 0:
                for j in range(4):
                    slope[j] += rows.weight[k] * here[j]
    if len(gradient) > 0:
        gradient[0], gradient[1], gradient[2], gradient[3] = (
            slope[0],
            slope[1] * rows.unit,
            slope[2],
            slope[3] * rows.unit,
        )
    return total


@numba.njit(cache=True, nogil=True)
def _rising(at: tuple[float, float, float, float], longest: int) -> _Rising:
    out = _Rising(np.zeros((5, longest + 2)), np.zeros((5, longest + 2)))
    starts = (at[0], at[1], at[0] + at[1], at[3], at[2] + at[3])
    for j in range(5):
        for k in range(longest + 1):
            out.level[j, k + 1] = out.level[j, k] + math.log(starts[j] + k)
            out.slope[j, k + 1] = out.slope[j, k] + 1.0 / (starts[j] + k)
    return out


@numba.njit(cache=True, nogil=True)
def _fill_tails(
    x: int, low: int, high: int, at: tuple[float, float, float, float], rising: _Rising, out: _Tails, with_slope: bool
) -> None:
    """Terms and their sums from i = high - 1 down to low; at high there is nothing."""
    alpha, beta, gamma, delta = at
    level, slope = rising.level, rising.slope
    out.log_term[high], out.rho[high] = 0.0, 0.0
    out.slope[:, high] = 0.0
    ratio = 0.0  # f(i + 1) / f(i)
    for i in range(high - 1, low - 1, -1):
        out.log_term[i] = (
            level[BUY, x] + level[SKIP, i - x] - level[EITHER, i]
            + math.log(gamma) + level[STAY, i] - level[LIVE, i + 1]
        )  # fmt: skip
        if i < high - 1:
            ratio = (beta + i - x) / (alpha + beta + i) * (delta + i) / (gamma + delta + i + 1.0)
        out.rho[i] = 1.0 + ratio * out.rho[i + 1]
        if with_slope:
            either, live = slope[EITHER, i], slope[LIVE, i + 1]
            out.slope[0, i] = slope[BUY, x] - either + ratio * out.slope[0, i + 1]
            out.slope[1, i] = slope[SKIP, i - x] - either + ratio * out.slope[1, i + 1]
            out.slope[2, i] = 1.0 / gamma - live + ratio * out.slope[2, i + 1]
            out.slope[3, i] = slope[STAY, i] - live + ratio * out.slope[3, i + 1]


@numba.njit(cache=True, nogil=True)
def _of_history(history: tuple[int, int, int], rising: _Rising, tails: _Tails, gradient: FloatArray) -> float:
    """Log-likelihood of one history, its slopes into `gradient`, which mean nothing where `tails` has none."""
    x, recency, n = history
    level, slope = rising.level, rising.slope
    alive = level[BUY, x] + level[SKIP, n - x] - level[EITHER, n] + level[STAY, n] - level[LIVE, n]
    gradient[0] = slope[BUY, x] - slope[EITHER, n]
    gradient[1] = slope[SKIP, n - x] - slope[EITHER, n]
    gradient[2] = -slope[LIVE, n]
    gradient[3] = slope[STAY, n] - slope[LIVE, n]
    if recency == n:
        return alive
    later = math.exp(tails.log_term[n] - tails.log_term[recency]) if tails.rho[n] > 0.0 else 0.0
    left = tails.rho[recency] - later * tails.rho[n]
    dead = tails.log_term[recency] + math.log(left)
    share = 1.0 / (1.0 + math.exp(min(alive - dead, 700.0)))  # of having dropped out
    for j in range(4):
        of_dead = (tails.slope[j, recency] - later * tails.slope[j, n]) / left
        gradient[j] += share * (of_dead - gradient[j])
    return max(alive, dead) + math.log1p(math.exp(-abs(alive - dead)))
