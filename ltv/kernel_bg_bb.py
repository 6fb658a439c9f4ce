"""Future purchases of one customer who decides at whole opportunities (BG/BB), averaged over draws.

A customer alive at the n-th opportunity has a chance to buy ~ Beta(alpha + x, beta + n - x) and a chance to drop out
before each further one ~ Beta(gamma, delta + n), independent (`bg_bb_likelihood`). The k-th purchase comes at the j-th
opportunity from now if the customer is alive then and buys the k-th time:

    P(N >= k) = P(alive) sum over j >= k of C(j-1, k-1) E p^k (1-p)^(j-k) E(1 - theta)^j,

summed by parts the law of Fader, Hardie, Shang (2010), Marketing Science 29(6), eq. (12). A horizon that ends within a
period counts that opportunity with the part of the period that it covers: a purchase is as likely on any of its days.
Loops run over draws innermost, so that LLVM vectorises them.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_purchases import LARGE, TABLE_SHORT, TOLERANCE, History, State, Survival

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_STEPPED = 1024  # opportunities ahead that are stepped through one by one
LEFT_OUT = 1e-6  # of the mean: what rounding and underflow may have taken from the survival function
MEDIAN_DRAWS = 64  # that the median date is averaged over


class BgBb(NamedTuple):
    """Parameter draws, days of a period, and how far the tables by whole numbers reach."""

    draws: FloatArray  # (S, 4) alpha, beta, gamma, delta
    period_days: float
    counts: int


class BgBbPoints(NamedTuple):
    """P quasi-random points; by slot what depends on x and n (`slot` of a row: where its counts are kept)."""

    draw: IntArray  # (P,) which parameter draw each point belongs to
    rate: FloatArray  # (slots, P) expected purchases a day at first
    drop: FloatArray  # (slots, P) dropouts a purchase


_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, error_model="numpy")
def observe(history: History, draws: BgBb, out: State) -> None:
    """What the history says under each draw, into out; FHS eq. (11), summed from the last opportunity down."""
    x = history.x
    n, last = round(history.age / draws.period_days), round(history.recency / draws.period_days)
    for k in range(len(draws.draws)):
        alpha, beta, gamma, delta = draws.draws[k, 0], draws.draws[k, 1], draws.draws[k, 2], draws.draws[k, 3]
        odds, term = 0.0, gamma / (gamma + delta + n)
        for i in range(n - 1, last - 1, -1):
            term *= (alpha + beta + i) / (beta + i - x) * (gamma + delta + i + 1.0) / (delta + i)
            odds += term
        out.alive[k] = 1.0 / (1.0 + odds)
        out.log_age[k] = 0.0  # there is no clock


@numba.njit(nogil=True, cache=True, error_model="numpy")
def survival(history: History, horizon: float, state: State, draws: BgBb, out: Survival) -> int:
    """P(N >= n) for n = 1 .. the returned length, beyond which less than TOLERANCE of the mean is left.

    Returns:
        The length; LARGE when opportunities or counts are too many to be stepped through one by one, TABLE_SHORT when
        the tables by whole numbers end before the survival function does.
    """
    S = len(draws.draws)
    ahead, last = opportunities(horizon, draws.period_days)
    if ahead > MOST_STEPPED:
        return LARGE
    if history.x + ahead + 2 > draws.counts:
        return TABLE_SHORT
    stay, inverse = np.empty((ahead + 1, S)), np.empty((ahead + 1, S))
    _lives(history, (ahead, last), draws, stay, inverse)
    _moments(history, stay, draws, out.first, out.second)
    mean = 0.0
    for k in range(S):
        out.first[k] *= state.alive[k]
        out.second[k] *= state.alive[k]
        mean += out.first[k] / S
        for j in range(1, ahead + 1):
            stay[j, k] *= state.alive[k] / S
    a, b = out.tilt, out.z
    n = round(history.age / draws.period_days)
    for k in range(S):
        a[k], b[k] = draws.draws[k, 0] + history.x, draws.draws[k, 1] + (n - history.x)
        out.more[k] = 1.0
    out.at_least[0] = 1.0
    total = 0.0
    for count in range(1, ahead + 1):
        reached = _reached(count, (a, b), stay, inverse, out)
        out.at_least[count] = min(max(reached, 0.0), out.at_least[count - 1])
        total += out.at_least[count]
        if mean - total <= TOLERANCE * mean:
            out.at_least[count + 1] = 0.0
            return count
    if mean - total > LEFT_OUT * mean:
        return LARGE
    out.at_least[ahead + 1] = 0.0
    return ahead


@numba.njit(nogil=True, cache=True, error_model="numpy")
def opportunities(horizon: float, period_days: float) -> tuple[int, float]:
    """How many lie ahead, the last perhaps in part, and the part of its period that the horizon covers."""
    whole = int(np.floor(horizon / period_days))
    part = horizon / period_days - whole
    return (whole + 1, part) if part > 0.0 else (whole, 1.0)


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _lives(history: History, ahead: tuple[int, float], draws: BgBb, stay: FloatArray, inverse: FloatArray) -> None:
    """Of each opportunity j ahead and draw: P(alive then), and 1 / (a + b + j); each (ahead + 1, S)."""
    n = round(history.age / draws.period_days)
    at = draws.draws
    for k in range(len(at)):
        stay[0, k] = 1.0
        inverse[0, k] = 1.0 / (at[k, 0] + at[k, 1] + n)
    for j in range(1, ahead[0] + 1):
        for k in range(len(at)):
            stay[j, k] = stay[j - 1, k] * (at[k, 3] + (n + j - 1)) / (at[k, 2] + at[k, 3] + (n + j - 1))
            inverse[j, k] = 1.0 / (at[k, 0] + at[k, 1] + (n + j))
    for k in range(len(at)):
        stay[ahead[0], k] *= ahead[1]


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _moments(history: History, stay: FloatArray, draws: BgBb, first: FloatArray, second: FloatArray) -> None:
    """E N and E N^2 of a living customer under each draw: chances to buy at one opportunity, and at two."""
    n, x, S = round(history.age / draws.period_days), history.x, len(draws.draws)
    first[:S], second[:S] = 0.0, 0.0
    for j in range(1, len(stay)):
        for k in range(S):
            first[k] += stay[j, k]
            second[k] += (j - 1.0) * stay[j, k]
    for k in range(S):
        a, both = draws.draws[k, 0] + x, draws.draws[k, 0] + draws.draws[k, 1] + n
        first[k] *= a / both
        second[k] = first[k] + 2.0 * second[k] * a / both * (a + 1.0) / (both + 1.0)


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _reached(
    count: int, shapes: tuple[FloatArray, FloatArray], stay: FloatArray, inverse: FloatArray, out: Survival
) -> float:
    """P(N >= count); out.more goes from E p^(count-1) to E p^count, out.pmf is scratch."""
    a, b = shapes
    term, powers, S = out.pmf, out.more, len(a)
    total = 0.0
    for k in range(S):
        powers[k] *= (a[k] + (count - 1)) * inverse[count - 1, k]
        term[k] = powers[k]
        total += term[k] * stay[count, k]
    for j in range(count + 1, len(stay)):
        ways, skipped = (j - 1.0) / (j - count), j - 1.0 - count
        for k in range(S):
            term[k] *= ways * (b[k] + skipped) * inverse[j - 1, k]
            total += term[k] * stay[j, k]
    return total


@numba.njit(nogil=True, cache=True, error_model="numpy")
def median_wait(history: History, horizon: float, state: State, draws: BgBb) -> float:
    """Median days to the next purchase given one within the horizon, at most `horizon`; linear within a period."""
    ahead, last = opportunities(horizon, draws.period_days)
    at_each = first_purchase(history, horizon, state, draws, max(1, len(draws.draws) // MEDIAN_DRAWS))
    half = 0.5 * np.sum(at_each)
    if not half > 1e-300:
        return 0.5 * horizon  # never again: the limit of a rate that goes to 0
    reached = 0.0
    for j in range(1, ahead + 1):
        if reached + at_each[j] >= half:
            part = (half - reached) / at_each[j]
            return min((j - 1.0 + (part * last if j == ahead else part)) * draws.period_days, horizon)
        reached += at_each[j]
    return horizon


@numba.njit(nogil=True, cache=True, error_model="numpy")
def first_purchase(history: History, horizon: float, state: State, draws: BgBb, every: int) -> FloatArray:
    """P(the next purchase is at the j-th opportunity ahead), (ahead + 1,), averaged over each `every`-th draw."""
    ahead, last = opportunities(horizon, draws.period_days)
    n, out, count = round(history.age / draws.period_days), np.zeros(ahead + 1), 0
    for k in range(0, len(draws.draws), every):
        a, b = draws.draws[k, 0] + history.x, draws.draws[k, 1] + (n - history.x)
        gamma, delta = draws.draws[k, 2], draws.draws[k, 3] + n
        chance = state.alive[k] * a / (a + b)
        for j in range(1, ahead + 1):
            chance *= (delta + j - 1.0) / (gamma + delta + j - 1.0)
            out[j] += chance
            chance *= (b + j - 1.0) / (a + b + j)
        count += 1
    out[ahead] *= last
    return out / count


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def place(history: History, slot: int, points: BgBbPoints, rate: FloatArray, drop: FloatArray) -> None:  # noqa: ARG001
    """Rates a day, and dropouts a purchase, of the points for this customer, each (P,)."""
    here, dropped = points.rate[slot], points.drop[slot]
    for j in range(len(rate)):
        rate[j] = here[j]
        drop[j] = dropped[j]
