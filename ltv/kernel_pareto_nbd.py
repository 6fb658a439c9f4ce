"""Future purchases of one customer who may drop out at any moment (Pareto/NBD), averaged over draws.

A customer alive at T has rate Gamma(R, A) and a life of Lomax(s, B) from now on, independent, with R = r + x,
A = alpha + T, B = beta + T. The n-th purchase in a horizon h comes at t with the density of the n-th arrival of a
gamma-mixed Poisson clock, if the life has not ended by then:

    P(N >= n | alive) = I_n = integral from 0 to h of t^(n-1) A^R / (B(n, R) (A + t)^(R+n)) (B / (B + t))^s dt.

Integrating d[u^n (1 - u)^(R+s) (1 - delta u)^(1-s)], u = t / (A + t), delta = 1 - A / B, by parts gives for D_n = I_n -
I_(n+1) = P(N = n | alive) the recurrence

    D_n = q_n c + (s A/B I_(n+1) + delta (n + 1) D_(n+1)) / (R + n),                                        (1)

q_n negative binomial (R, z = h / (A + h)) and c = (B / (B + h))^s A (B + h) / (B (A + h)). Downwards from where nothing
is left its terms are positive for A <= B; for A > B relative errors change by |delta| z a step. Draws that this leaves
too little of L steps to forget their start in are solved upwards from I_1, by quadrature, where the error of rounding
does not grow; where it would both ways, of frequent customers over long horizons, `ltv.large_pareto_nbd` takes over.
Loops run over draws innermost.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.decay_integral import log_integral
from ltv.kernel_math import exp_of, log_of
from ltv.kernel_purchases import LARGE, LARGEST_COUNT, TABLE_SHORT, TOLERANCE, History, State, Survival
from ltv.pareto_nbd import log_odds_of_dropout, moments_while_alive

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SMALLEST_LOG = -650.0  # below it P(K = 0) is too near underflow to start a recurrence from
MEDIAN_DRAWS = 64  # that the median date is averaged over
SMALLEST_RATE = 1e-290
LOG_FORGOTTEN = -20.7  # 1e-9: an error that is left of a wrong start; as much times rounding would be 1e-7
DOWNWARDS, UPWARDS, NEITHER_WAY = 0, 1, 2
MOST_LOG_GROWTH = 16.0  # of an error by the recurrence: 1e-13 is then 1e-6
START = 1e-4  # of TOLERANCE: what is left where the recurrence starts downwards as if nothing were
NOTHING = 1e-290  # a q_n below it counts as 0: times z the smallest of numbers would be rounded to itself for ever


class ParetoNbd(NamedTuple):
    """Parameter draws, times in days, and how far the tables by whole numbers reach."""

    draws: FloatArray  # (S, 4) r, alpha, s, beta
    counts: int
    largest_r: float
    smallest_alpha: float


class ParetoNbdPoints(NamedTuple):
    """P quasi-random points; by slot what depends on x (`slot` of a row: where its x is kept)."""

    draw: IntArray  # (P,) which parameter draw each point belongs to
    alpha: FloatArray  # (P,) of that draw
    beta: FloatArray  # (P,) of that draw
    rate: FloatArray  # (slots, P) (alpha + T) lambda
    death: FloatArray  # (slots, P) (beta + T) mu


_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, error_model="numpy")
def observe(history: History, draws: ParetoNbd, out: State) -> None:
    """What the history says under each draw, into out."""
    no_gradient = np.empty(0)
    for k in range(len(draws.draws)):
        at = draws.draws[k]
        params = (at[0], at[1], at[2], at[3])
        odds = log_odds_of_dropout(params, float(history.x), history.recency, history.age, no_gradient)
        out.log_age[k] = log_of(at[1] + history.age)
        out.alive[k] = 1.0 / (1.0 + np.exp(min(odds, 700.0)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def survival(history: History, horizon: float, state: State, draws: ParetoNbd, out: Survival) -> int:
    """P(N >= n) for n = 1 .. the returned length, beyond which less than TOLERANCE of the mean is left.

    Returns:
        The length; LARGE when counts are too large to be stepped through one by one, or where errors would grow;
        TABLE_SHORT when the tables by whole numbers end before the survival function does.
    """
    x, S = history.x, len(draws.draws)
    moments_while_alive(draws.draws, float(x), history.age, horizon, out.first, out.second)
    largest, living, mean = draws.largest_r + x, 0.0, 0.0
    for k in range(S):
        out.first[k] *= state.alive[k]
        out.second[k] *= state.alive[k]
        mean += out.first[k] / S
        living = max(living, state.alive[k])
    shortest = draws.smallest_alpha + history.age
    if x > LARGEST_COUNT or largest * np.log(shortest / (shortest + horizon)) < SMALLEST_LOG:
        return LARGE
    last = _length(largest, horizon / (shortest + horizon), START * TOLERANCE * mean / living if living > 0.0 else 1.0)
    if last < 0:
        return LARGE
    for k in range(S):
        a, b = draws.draws[k, 1] + history.age, draws.draws[k, 3] + history.age
        if _way(draws.draws[k, 0] + x, a, b, horizon, last) == NEITHER_WAY:
            return LARGE
    if x + last + 2 > draws.counts:
        return TABLE_SHORT
    _downwards(history, horizon, state, draws, (out, last))
    out.at_least[0], out.at_least[last + 1] = 1.0, 0.0
    for n in range(1, last + 1):  # rounding may leave 1e-17 on the wrong side
        out.at_least[n] = min(max(out.at_least[n], 0.0), out.at_least[n - 1])
    return last


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _length(shape: float, z: float, bound: float) -> int:
    """An n beyond which even the busiest draw that nobody leaves has less of its mean than the bound; -1 if too far."""
    pmf = np.exp(shape * np.log1p(-z))
    for n in range(1, LARGEST_COUNT):
        pmf *= z * (shape + n - 1.0) / n
        ratio = z * max((shape + n) / (n + 1.0), 1.0)
        if ratio < 1.0 and pmf * ratio / (1.0 - ratio) ** 2 < bound:
            return n
    return -1


@numba.njit(nogil=True, error_model="numpy")
def _way(shape: float, a: float, b: float, horizon: float, last: int) -> int:
    """How (1) is solved for a draw: R, A, B, h and the number of steps; those where q_n is 0 are none.

    Upwards an error of D_0 is C(R + n - 1, n) / |delta|^n times as large at D_n. For a frequent customer that rises
    over hundreds of steps before it falls; downwards errors grow where it falls. Then neither way is good.
    """
    change = (a - b) * horizon / (b * (a + horizon))
    if change <= 0.0:
        return DOWNWARDS
    steps = min(float(last), -np.log(NOTHING) / np.log1p(a / horizon))
    if steps * np.log(change) <= LOG_FORGOTTEN:
        return DOWNWARDS
    size = a / b - 1.0
    peak = last if size <= 1.0 else min(float(last), max(0.0, (shape - 1.0) / (size - 1.0)))
    top = max(0.0, _log_growth(shape, size, peak))
    if top <= MOST_LOG_GROWTH:
        return UPWARDS
    return DOWNWARDS if top - _log_growth(shape, size, last) <= MOST_LOG_GROWTH else NEITHER_WAY


@numba.njit(nogil=True, error_model="numpy")
def _log_growth(shape: float, size: float, n: float) -> float:
    return math.lgamma(shape + n) - math.lgamma(shape) - math.lgamma(n + 1.0) - n * np.log(size)


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _downwards(history: History, horizon: float, state: State, draws: ParetoNbd, into: tuple[Survival, int]) -> None:
    """P(N >= n) for n = 1 .. last by (1), downwards where that is stable."""
    out, last = into
    S = len(draws.draws)
    clock, reached, here, tilt = out.pmf, out.more, out.z, out.tilt
    q, constants = np.empty((last + 1, S)), np.empty((3, S))
    shape, spread, constant = constants[0], constants[1], constants[2]
    upwards = 0
    for k in range(S):
        s, a, b = draws.draws[k, 2], draws.draws[k, 1] + history.age, draws.draws[k, 3] + history.age
        shape[k], clock[k] = draws.draws[k, 0] + history.x, horizon / (a + horizon)
        q[0, k] = exp_of(shape[k] * (log_of(a) - log_of(a + horizon)))
        constant[k] = exp_of(s * (log_of(b) - log_of(b + horizon))) * a * (b + horizon) / (b * (a + horizon))
        tilt[k], spread[k] = s * a / b, 1.0 - a / b
        reached[k], here[k] = 0.0, 0.0
        if _way(shape[k], a, b, horizon, last) == UPWARDS:
            upwards += 1
            tilt[k], spread[k], constant[k] = 0.0, 0.0, 0.0
    for n in range(1, last + 1):
        inverse = 1.0 / n
        for k in range(S):
            following = q[n - 1, k] * clock[k] * (shape[k] + (n - 1)) * inverse
            q[n, k] = following if following > NOTHING else 0.0
    for n in range(last, 0, -1):
        total, above = 0.0, n + 1.0
        for k in range(S):
            exactly = q[n, k] * constant[k] + (tilt[k] * reached[k] + spread[k] * above * here[k]) / (shape[k] + n)
            here[k] = exactly
            reached[k] += exactly
            total += state.alive[k] * reached[k]
        out.at_least[n] = total / S
    if upwards > 0:
        _upwards(history, horizon, state, draws, (out, last, q))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _upwards(
    history: History, horizon: float, state: State, draws: ParetoNbd, into: tuple[Survival, int, FloatArray]
) -> None:
    """Adds the draws that `_downwards` left out, by (1) solved for D_(n+1)."""
    out, last, q = into
    S = len(draws.draws)
    for k in range(S):
        s, a, b = draws.draws[k, 2], draws.draws[k, 1] + history.age, draws.draws[k, 3] + history.age
        if _way(draws.draws[k, 0] + history.x, a, b, horizon, last) != UPWARDS:
            continue
        shape, delta, tilt = draws.draws[k, 0] + history.x, 1.0 - a / b, s * a / b
        constant = np.exp(-s * np.log1p(horizon / b)) * a * (b + horizon) / (b * (a + horizon))
        reached = _bought_by(draws.draws[k], history, horizon)
        exactly = 1.0 - reached
        for n in range(1, last + 1):
            out.at_least[n] += state.alive[k] * reached / S
            exactly = ((shape + n - 1) * (exactly - q[n - 1, k] * constant) - tilt * reached) / (delta * n)
            exactly = min(max(exactly, 0.0), reached)
            reached -= exactly


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _bought_by(at: FloatArray, history: History, wait: float) -> float:
    """I_1: P(a purchase within `wait` days) of a customer alive, under the parameters `at`."""
    shape, a, b = at[0] + history.x, at[1] + history.age, at[3] + history.age
    return min(shape / a * np.exp(log_integral((shape + 1.0, at[2]), (a, b), wait, np.empty(0))), 1.0)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def median_wait(history: History, horizon: float, state: State, draws: ParetoNbd) -> float:
    """Median days to the next purchase given one within the horizon, at most `horizon`: Newton steps in a bracket."""
    half = 0.5 * _purchase_by(history, horizon, state, draws)[0]
    if not half > 1e-300:
        return 0.5 * horizon  # never again: the limit of a rate that goes to 0
    low, high, wait = 0.0, horizon, 0.4 * horizon
    for _ in range(60):
        reached, density = _purchase_by(history, wait, state, draws)
        if reached > half:
            high = wait
        else:
            low = wait
        following = wait - (reached - half) / density if density > 0.0 else np.inf
        if not low <= following <= high:
            following = 0.5 * (low + high)
        if abs(following - wait) < 1e-2:
            return following
        wait = following
    return wait


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _purchase_by(history: History, wait: float, state: State, draws: ParetoNbd) -> tuple[float, float]:
    """P(a purchase within `wait` days) and its derivative, averaged over some draws."""
    reached, density = 0.0, 0.0
    S = len(draws.draws)
    for k in range(0, S, max(1, S // MEDIAN_DRAWS)):
        at = draws.draws[k]
        shape, a, b = at[0] + history.x, at[1] + history.age, at[3] + history.age
        reached += state.alive[k] * _bought_by(at, history, wait)
        left = np.exp(-(shape + 1.0) * np.log1p(wait / a) - at[2] * np.log1p(wait / b))
        density += state.alive[k] * shape / a * left
    return reached, density


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def place(history: History, slot: int, points: ParetoNbdPoints, rate: FloatArray, drop: FloatArray) -> None:
    """Rates a day, and dropouts a purchase, of the points for this customer, each (P,)."""
    scaled, death = points.rate[slot], points.death[slot]
    for j in range(len(rate)):
        rate[j] = max(scaled[j] / (points.alpha[j] + history.age), SMALLEST_RATE)
        drop[j] = death[j] / (points.beta[j] + history.age) / rate[j]
