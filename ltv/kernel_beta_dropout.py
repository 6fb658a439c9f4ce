"""Future purchases of one customer who may drop out after each purchase (BG/NBD, MBG/NBD), averaged over draws.

A customer alive at T has rate Gamma(r + x, alpha + T) and dropout probability Beta(a, b + x), independent. The n-th
purchase in a horizon h happens if the customer outlives the first n - 1 and the Poisson clock rings n times:

    P(N >= n) = P(alive) E(1 - p)^(n-1) P(K >= n),  K negative binomial (r + x, z = h / (alpha + T + h)),

which summed by parts is eq. (8) of Fader, Hardie, Lee (2005), Marketing Science 24(2), with posterior shapes. In the
MBG/NBD (Batislam, Denizel, Filiztekin 2007, International Journal of Research in Marketing 24(3)) the first purchase
may be the last one too: everybody alive has outlived one purchase more, so its b counts from b + 1. Loops run over
draws innermost, so that LLVM vectorises them; S is the number of draws.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_math import exp_of, log_of
from ltv.kernel_purchases import LARGE, LARGEST_COUNT, TABLE_SHORT, TOLERANCE, History, State, Survival

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

STRIDE = 4  # counts per pass
SMALLEST_LOG = -650.0  # below it P(K = 0) is too near underflow to start a recurrence from


class BetaDropout(NamedTuple):
    """Parameter draws, each (S,), times in days, and the table that the recurrence reads."""

    r: FloatArray
    alpha: FloatArray
    a: FloatArray
    b: FloatArray  # MBG/NBD: its b + 1
    stay: FloatArray  # (K, S): B(a, b + k) / B(a, b), the chance to outlive k purchases, before any data
    largest_r: float
    smallest_alpha: float
    smallest_a: float
    largest_b: float
    first_may_be_last: bool  # MBG/NBD


class BetaDropoutPoints(NamedTuple):
    """P quasi-random points; by slot what depends on x (`slot` of a row: where its x is kept)."""

    draw: IntArray  # (P,) which parameter draw each point belongs to
    alpha: FloatArray  # (P,) of that draw
    rate: FloatArray  # (slots, P) (alpha + T) lambda
    drop: FloatArray  # (slots, P) dropout probability


_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def observe(history: History, draws: BetaDropout, out: State) -> None:
    """What the history says under each draw, into out.

    Source of P(alive): Fader, Hardie, Lee (2008), note 021, eq. (1); with b + 1 for b that of the MBG/NBD.
    """
    r, alpha, a, b = draws.r, draws.alpha, draws.a, draws.b
    x = history.x
    for s in range(len(r)):
        out.log_age[s] = log_of(alpha[s] + history.age)
        out.alive[s] = 1.0
    if x > 0 or draws.first_may_be_last:
        for s in range(len(r)):
            waited = (r[s] + x) * (out.log_age[s] - log_of(alpha[s] + history.recency))
            out.alive[s] = 1.0 / (1.0 + a[s] / (b[s] + (x - 1)) * exp_of(waited))


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def survival(history: History, horizon: float, state: State, draws: BetaDropout, out: Survival) -> int:
    """P(N >= n) for n = 1 .. the returned length, beyond which less than TOLERANCE of the mean is left.

    Returns:
        The length; LARGE when counts are too large to be stepped through one by one, TABLE_SHORT when `stay` ends
        before the survival function does.
    """
    x, S = history.x, len(draws.r)
    if x > LARGEST_COUNT:
        return LARGE
    if x >= len(draws.stay):
        return TABLE_SHORT
    shortest = draws.smallest_alpha + history.age
    largest_z = horizon / (shortest + horizon)
    if (draws.largest_r + x) * np.log(shortest / (shortest + horizon)) < SMALLEST_LOG:
        return LARGE
    _start(history, horizon, state, draws, out)
    out.at_least[0] = 1.0
    total = 0.0
    for n in range(1, LARGEST_COUNT, STRIDE):
        if x + n + STRIDE > len(draws.stay):
            return TABLE_SHORT
        _step(n, draws.stay[x + n - 1 : x + n - 1 + STRIDE], out)
        last = n + STRIDE - 1
        for m in range(n, last + 1):  # rounding may leave 1e-17 on the wrong side
            out.at_least[m] = min(max(out.at_least[m], 0.0), out.at_least[m - 1])
            total += out.at_least[m]
        if out.at_least[last] * _rest(last, x, largest_z, draws) <= TOLERANCE * total:
            out.at_least[last + 1] = 0.0
            for s in range(S):
                out.first[s] *= S
                out.second[s] *= S
            return last
    return LARGE


@numba.njit(nogil=True, error_model="numpy")
def _rest(n: int, x: int, largest_z: float, draws: BetaDropout) -> float:
    """The sum of P(N >= m) over m > n is at most this times P(N >= n)."""
    rest = np.inf
    ratio = largest_z * max((draws.largest_r + x + n) / (n + 1.0), 1.0)  # of P(K = n + 1) to P(K = n), at most
    if ratio < 1.0:
        rest = ratio / (1.0 - ratio)
    if draws.smallest_a > 1.0:  # sum over m >= n of B(a, b + x + m) / B(a, b + x + n) = (a + b + x + n - 1) / (a - 1)
        rest = min(rest, (draws.largest_b + x + n) / (draws.smallest_a - 1.0))
    return rest


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _start(history: History, horizon: float, state: State, draws: BetaDropout, out: Survival) -> None:
    """P(K = 0) and P(K >= 1) times the draw's weight, and what the steps need."""
    r, alpha, x, S = draws.r, draws.alpha, history.x, len(draws.r)
    stay = draws.stay[x]
    for s in range(S):
        until = alpha[s] + history.age + horizon
        z = horizon / until
        none = exp_of((r[s] + x) * (state.log_age[s] - log_of(until)))
        weight = state.alive[s] / (stay[s] * S)
        out.z[s] = z
        out.tilt[s] = z * (r[s] + (x - 1))
        out.pmf[s] = weight * none
        out.more[s] = weight * (1.0 - none)
        out.first[s] = 0.0
        out.second[s] = 0.0


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _step(n: int, stay: FloatArray, out: Survival) -> None:
    """P(N >= n) .. P(N >= n + 3), and what they add to the moments; P(K = m) = P(K = m - 1) z (r + x + m - 1) / m.

    Four counts in one pass over the draws, because the loop waits for memory as much as for arithmetic.
    """
    pmf, more, z, tilt, first, second = out.pmf, out.more, out.z, out.tilt, out.first, out.second
    stay_0, stay_1, stay_2, stay_3 = stay[0], stay[1], stay[2], stay[3]
    inverse_0, inverse_1, inverse_2, inverse_3 = 1.0 / n, 1.0 / (n + 1), 1.0 / (n + 2), 1.0 / (n + 3)
    odd = 2.0 * n - 1.0
    sum_0, sum_1, sum_2, sum_3 = 0.0, 0.0, 0.0, 0.0
    for s in range(len(pmf)):
        probability, reached = pmf[s], more[s]
        taken_0 = stay_0[s] * reached
        probability *= z[s] + tilt[s] * inverse_0
        reached -= probability
        taken_1 = stay_1[s] * reached
        probability *= z[s] + tilt[s] * inverse_1
        reached -= probability
        taken_2 = stay_2[s] * reached
        probability *= z[s] + tilt[s] * inverse_2
        reached -= probability
        taken_3 = stay_3[s] * reached
        probability *= z[s] + tilt[s] * inverse_3
        more[s] = reached - probability
        pmf[s] = probability
        four = (taken_0 + taken_1) + (taken_2 + taken_3)
        first[s] += four
        second[s] += odd * four + 2.0 * (taken_1 + 2.0 * taken_2 + 3.0 * taken_3)
        sum_0 += taken_0
        sum_1 += taken_1
        sum_2 += taken_2
        sum_3 += taken_3
    out.at_least[n], out.at_least[n + 1], out.at_least[n + 2], out.at_least[n + 3] = sum_0, sum_1, sum_2, sum_3


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def median_wait(history: History, horizon: float, state: State, draws: BetaDropout) -> float:
    """Median days to the next purchase given one within the horizon, at most `horizon`.

    The wait of a living customer is Lomax(r + x, alpha + T): one Lomax law with the same probability of a purchase
    within the horizon gives a start, Newton steps on the average over draws, kept in the bracket, do the rest.
    """
    S = len(draws.r)
    shape, living = 0.0, 0.0
    for s in range(S):
        shape += state.alive[s] * (draws.r[s] + history.x)
        living += state.alive[s]
    within, _ = _purchase_by(history, horizon, state, draws)
    if not (within > 1e-300 and living > 0.0):
        return 0.5 * horizon  # never again: the limit of a rate that goes to 0
    shape, living = shape / living, living / S
    scale = horizon / np.expm1(-np.log1p(-min(within / living, 1.0 - 1e-12)) / shape)
    low, high = 0.0, horizon
    wait = min(max(scale * np.expm1(-np.log1p(-0.5 * within / living) / shape), low), high)
    for _ in range(50):
        reached, density = _purchase_by(history, wait, state, draws)
        gap = reached - 0.5 * within
        if gap > 0.0:
            high = wait
        else:
            low = wait
        following = wait - gap / density if density > 0.0 else np.inf
        if not low <= following <= high:
            following = 0.5 * (low + high)
        if abs(following - wait) < 1e-3:
            return following
        wait = following
    return wait


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _purchase_by(history: History, wait: float, state: State, draws: BetaDropout) -> tuple[float, float]:
    """P(a purchase within `wait` days) and its derivative."""
    r, alpha, x, S = draws.r, draws.alpha, history.x, len(draws.r)
    reached, density = 0.0, 0.0
    for s in range(S):
        until = alpha[s] + history.age + wait
        none = exp_of((r[s] + x) * (state.log_age[s] - log_of(until)))
        reached += state.alive[s] * (1.0 - none)
        density += state.alive[s] * none * (r[s] + x) / until
    return reached / S, density / S


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def place(history: History, slot: int, points: BetaDropoutPoints, rate: FloatArray, drop: FloatArray) -> None:
    """Rates a day and dropout probabilities of the points for this customer, each (P,)."""
    scaled, dropped = points.rate[slot], points.drop[slot]
    for j in range(len(rate)):
        rate[j] = scaled[j] / (points.alpha[j] + history.age)
        drop[j] = dropped[j]
