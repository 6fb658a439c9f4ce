"""Spend of one customer within a horizon: the law of a sum of N purchases under Gamma-Gamma, on a lattice of log value.

Given the customer's x repeat purchases of mean m, a sum V of n purchases is v' times BetaPrime(p n, q') with
v' = v + x m and q' = q + p x (Fader, Hardie 2013, note 025, eqs. (1)-(3)); a spend model that learns from the first
purchase too adds that to both (`ltv.first_spend`). With y = log V - log v' and sigma = e^y / (1 + e^y),

    density of y = (1 - sigma)^q' * sum_n P(N = n) / B(p n, q') * (sigma^p)^n,

a polynomial in sigma^p that Horner's rule evaluates at every lattice point. Uncertain spend parameters enter as a few
weighted nodes (`ltv.tables`). Powers are taken relative to a point inside the lattice, which keeps them in range.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_math import exp_of, log_of
from ltv.kernel_purchases import History

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LONGEST_LATTICE = 1024
SHORTEST_LATTICE = 64
STEP = 0.5  # lattice step over the standard deviation of the narrowest component
LARGEST_EXPONENT = 500.0
LONGEST_REACH = 60.0  # of log value: what is e^60 times smaller than the largest lies below the lattice
KEPT = 1e-6  # counts beyond this conditional probability are lumped into the last one


class SpendNodes(NamedTuple):
    """J weighted points that stand for the posterior of the spend parameters, and tables over whole k."""

    p: FloatArray  # (J,)
    q: FloatArray
    v: FloatArray
    first_shape: FloatArray  # (J,) what the first purchase adds to q', 0 where it teaches nothing
    first_weight: FloatArray  # (J,) what each unit of its amount adds to v'
    weight: FloatArray  # (J,) sums to 1
    log_gamma_p: FloatArray  # (J, K) log Gamma(p k), index 0 unused
    log_gamma_pq: FloatArray  # (2, J, K) log Gamma(p k + q), second with first_shape added


class Counts(NamedTuple):
    """Laws of one customer's number of purchases, horizons rising, one after the other in an array."""

    at_least: FloatArray  # P(N >= n) of horizon h at start[h] + n, from n = 0 to n = length[h] + 1, where it is 0
    start: IntArray  # (H,)
    length: IntArray  # (H,) largest n


class Lattice(NamedTuple):
    """Scratch: densities over log value of every horizon."""

    density: FloatArray  # (H, LONGEST_LATTICE)
    cumulative: FloatArray  # (LONGEST_LATTICE,) see Integrated
    weighted: FloatArray  # (LONGEST_LATTICE,)
    moment: FloatArray  # (LONGEST_LATTICE,)
    power: FloatArray  # (LONGEST_LATTICE,) (sigma / sigma_0)^p
    base: FloatArray  # (LONGEST_LATTICE,) ((1 - sigma) / (1 - sigma_0))^q'
    sum: FloatArray  # (LONGEST_LATTICE,)
    coefficient: FloatArray  # (K,)


class Span(NamedTuple):
    """Where the lattice lies."""

    start: float  # log value at index 0
    step: float
    size: int
    smallest_count: int  # below it no horizon has more than a trace of probability


_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, error_model="numpy")
def spend_shape(j: int, history: History, nodes: SpendNodes) -> float:
    """q' of node j: the shape of nu's law given the history."""
    shape = nodes.q[j] + nodes.p[j] * history.x
    return shape + nodes.first_shape[j] if history.first > 0.0 else shape


@numba.njit(nogil=True, cache=True, error_model="numpy")
def spend_rate(j: int, history: History, nodes: SpendNodes) -> float:
    """v' of node j: the rate of nu's law given the history."""
    return nodes.v[j] + history.spent + nodes.first_weight[j] * history.first


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _log_gamma_quantile(shape: float, z: float) -> float:
    """Log of roughly the Phi(z) quantile of Gamma(shape): where a lattice may end, nothing finer.

    Wilson, Hilferty (1931); for a low quantile of a small shape the first term of the cdf, which errs outwards.
    """
    if shape < 3.0 and z < 0.0:
        log_level = -0.5 * z * z - np.log(1.0 - z) - 0.9
        return (log_level + _log_gamma_small(shape)) / shape
    return np.log(shape) + 3.0 * np.log(max(1.0 - 1.0 / (9.0 * shape) + z / (3.0 * np.sqrt(shape)), 1e-3))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _log_gamma_small(shape: float) -> float:
    """log Gamma(shape + 1) for shape in [0, 3), to the accuracy that a lattice's end needs."""
    return (
        0.5 * np.log(2.0 * np.pi) + (shape + 0.5) * np.log(shape + 1.0) - (shape + 1.0) + 1.0 / (12.0 * (shape + 1.0))
    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _first_below(h: int, level: float, counts: Counts) -> int:
    """Smallest n with P(N > n | N > 0) < level in horizon h."""
    start, low, high = counts.start[h], 1, counts.length[h]
    bound = level * counts.at_least[start + 1]
    while low < high:
        middle = (low + high) // 2
        if counts.at_least[start + middle + 1] < bound:
            high = middle
        else:
            low = middle + 1
    return low


@numba.njit(nogil=True, cache=True, error_model="numpy")
def span(history: History, nodes: SpendNodes, counts: Counts) -> Span:
    """A lattice over all horizons; size 0 when the law needs a finer or longer one than there is."""
    last = len(counts.length) - 1
    smallest = _first_below(0, 0.999, counts)
    low, high, narrowest, reach = np.inf, -np.inf, np.inf, 0.0
    for j in range(len(nodes.p)):
        p, rest = nodes.p[j], spend_shape(j, history, nodes)
        log_scale = np.log(spend_rate(j, history, nodes))
        down = np.log(p * smallest) - _log_gamma_quantile(p * smallest, -3.3)
        spread = _log_gamma_quantile(rest, 3.3) - np.log(rest)
        low = min(low, log_scale + np.log(p * smallest / rest) - np.sqrt(down * down + spread * spread))
        for level, z in ((1e-5, 1.0), (1e-2, 3.0), (0.5, 4.2)):
            n = _first_below(last, level, counts)
            up = _log_gamma_quantile(p * n, z) - np.log(p * n)
            spread = np.log(rest) - _log_gamma_quantile(rest, -z)
            high = max(high, log_scale + np.log(p * n / rest) + np.sqrt(up * up + spread * spread))
        n = _first_below(last, 1e-3, counts)
        narrowest = min(narrowest, np.sqrt(1.0 / (p * n) + 1.0 / rest))
    low = max(low, high - LONGEST_REACH)
    for j in range(len(nodes.p)):
        rest, log_scale = spend_shape(j, history, nodes), np.log(spend_rate(j, history, nodes))
        reach = max(reach, rest * (_softplus(high - log_scale) - _softplus(low - log_scale)))
    wanted = (high - low) / (STEP * narrowest)
    if not (wanted < LONGEST_LATTICE and reach < 2.0 * LARGEST_EXPONENT):
        return Span(low, 0.0, 0, smallest)
    size = max(SHORTEST_LATTICE, int(np.ceil(wanted)) + 1)
    return Span(low, (high - low) / (size - 1), size, smallest)


@numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")
def _softplus(y: float) -> float:
    """log(1 + e^y)."""
    return max(y, 0.0) + log_of(1.0 + exp_of(-abs(y)))


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def densities(history: History, nodes: SpendNodes, counts: Counts, on: Span, out: Lattice) -> None:
    """Density of log value given N > 0 at every lattice point and horizon, into out.density."""
    x, at_least = history.x, counts.at_least
    seen = 1 if history.first > 0.0 else 0
    log_gamma = nodes.log_gamma_pq[seen]
    power, base, total = out.power[: on.size], out.base[: on.size], out.sum[: on.size]
    out.density[:, : on.size] = 0.0
    for j in range(len(nodes.p)):
        # As `spend_shape` and `spend_rate`, but fused as this function's flags allow.
        p, rest = nodes.p[j], nodes.q[j] + nodes.p[j] * x + nodes.first_shape[j] * seen
        log_scale = np.log(nodes.v[j] + history.spent + nodes.first_weight[j] * history.first)
        start, end = on.start - log_scale, on.start - log_scale + (on.size - 1) * on.step
        middle = 0.5 * (_softplus(start) + _softplus(end))  # -log(1 - sigma_0)
        middle_y = np.log(np.expm1(middle)) if middle < 30.0 else middle
        log_sigma = middle_y - middle  # log sigma_0
        for i in range(on.size):
            y = start + i * on.step
            softplus = _softplus(y)
            power[i] = exp_of(p * (y - softplus - log_sigma))
            base[i] = exp_of(-rest * (softplus - middle))
        steady = -log_gamma[j, x] - rest * middle
        for h in range(len(counts.length)):
            first = counts.start[h]
            some = at_least[first + 1]
            if not some > 0.0:
                continue
            last = _first_below(h, KEPT, counts)
            scale = nodes.weight[j] / some
            for n in range(1, last + 1):
                shape = p * n
                log_peak = log_gamma[j, x + n] - nodes.log_gamma_p[j, n] + shape * log_sigma + steady
                probability = at_least[first + n] - (at_least[first + n + 1] if n < last else 0.0)
                out.coefficient[n] = scale * probability * exp_of(log_peak)
            _horner(out.coefficient[: last + 1], power, base, total, out.density[h])


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _horner(
    coefficient: FloatArray, power: FloatArray, base: FloatArray, total: FloatArray, density: FloatArray
) -> None:
    """Adds base * sum_n coefficient[n] power^n, from n = 1, to the density."""
    size, n = len(power), len(coefficient) - 1
    total[:] = coefficient[n]
    while n > 4:  # four steps in one pass: the loop waits for memory, not for arithmetic
        c_1, c_2, c_3, c_4 = coefficient[n - 1], coefficient[n - 2], coefficient[n - 3], coefficient[n - 4]
        for i in range(size):
            t = power[i]
            total[i] = (((total[i] * t + c_1) * t + c_2) * t + c_3) * t + c_4
        n -= 4
    for k in range(n - 1, 0, -1):
        for i in range(size):
            total[i] = total[i] * power[i] + coefficient[k]
    for i in range(size):
        density[i] += base[i] * power[i] * total[i]


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def integrate(density: FloatArray, on: Span, slopes: tuple[float, float], cumulative: FloatArray) -> float:
    """Cumulative probability at every lattice point; returns the total, tails beyond both ends included.

    Beyond the ends the density falls like e^(slopes[0] y) and e^(-slopes[1] y). Inside, cells are integrated by cubics.
    """
    step, size = on.step, on.size
    running = density[0] / slopes[0]
    cumulative[0] = running
    for i in range(1, size):
        if 2 <= i < size - 1:
            cell = 13.0 * (density[i - 1] + density[i]) - density[i + 1] - density[i - 2]
            running += max(cell, 0.0) * (step / 24.0)
        else:
            running += 0.5 * step * (density[i - 1] + density[i])
        cumulative[i] = running
    return running + density[size - 1] / slopes[1]


class Integrated(NamedTuple):
    """A law on the lattice, with the slopes of its density beyond both ends."""

    density: FloatArray  # of log value
    cumulative: FloatArray
    weighted: FloatArray  # value times density
    moment: FloatArray  # its integral up to each lattice point
    total: float  # of the probability
    slopes: tuple[float, float]


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def weigh(h: int, on: Span, slopes: tuple[float, float], lattice: Lattice) -> Integrated:
    """Probability and first moment up to every lattice point, of one horizon."""
    density, weighted = lattice.density[h], lattice.weighted
    for i in range(on.size):
        weighted[i] = density[i] * exp_of(on.start + i * on.step)
    total = integrate(density, on, slopes, lattice.cumulative)
    integrate(weighted, on, (slopes[0] + 1.0, slopes[1]), lattice.moment)
    return Integrated(density, lattice.cumulative, weighted, lattice.moment, total, slopes)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def cell_means(quantiles: FloatArray, levels: FloatArray, law: Integrated, on: Span, mean: float) -> FloatArray:
    """Mean of the law between consecutive levels, (32,), whose quantiles are given; the last has what `mean` leaves."""
    weighted, last = law.weighted, on.size - 1
    means, below = np.empty(len(levels) - 1), 0.0
    for k in range(1, len(levels) - 1):
        place = (np.log(quantiles[k]) - on.start) / on.step
        i = min(max(int(place), 0), last - 1)
        part = min(max(place - i, 0.0), 1.0)
        straight = 0.5 * (weighted[i] + weighted[i + 1])
        share = part
        if straight > 0.0:
            share *= (weighted[i] + 0.5 * part * (weighted[i + 1] - weighted[i])) / straight
        upto = law.moment[i] + (law.moment[i + 1] - law.moment[i]) * share
        if place < 0.0:
            upto = law.moment[0] * np.exp((law.slopes[0] + 1.0) * place * on.step)
        upto = max(upto / law.total, below)
        means[k - 1] = (upto - below) / (levels[k] - levels[k - 1])
        below = upto
    means[-1] = max(mean - below, 0.0) / (1.0 - levels[-2])
    return means


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def invert(levels: FloatArray, law: Integrated, on: Span, points: FloatArray) -> None:
    """Values at rising levels in [0, 1) of the law on the lattice, into points; level 0 is value 0."""
    density, cumulative, total = law.density, law.cumulative, law.total
    last = on.size - 1
    i = 1
    for k in range(len(levels)):
        wanted = levels[k] * total
        if wanted <= 0.0:
            points[k] = 0.0
        elif wanted < cumulative[0]:
            points[k] = np.exp(on.start + np.log(wanted / cumulative[0]) / law.slopes[0])
        elif wanted > cumulative[last]:
            tail = (total - cumulative[last]) / (total - wanted)
            points[k] = np.exp(on.start + last * on.step + np.log(tail) / law.slopes[1])
        else:
            while i < last and cumulative[i] < wanted:
                i += 1
            before, after = density[i - 1], density[i]
            mass = cumulative[i] - cumulative[i - 1]
            straight = 0.5 * on.step * (before + after)
            part = (wanted - cumulative[i - 1]) * straight / mass if mass > 0.0 else 0.0
            root = np.sqrt(max(before * before + 2.0 * part * (after - before) / on.step, 0.0))
            offset = 2.0 * part / (before + root) if before + root > 0.0 else 0.5 * on.step
            points[k] = np.exp(on.start + (i - 1) * on.step + min(max(offset, 0.0), on.step))
