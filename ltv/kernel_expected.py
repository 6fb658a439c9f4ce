"""The customer's own expected value: uncertain rate, dropout, spend level and parameters; outcome noise integrated out.

A living customer with rate lambda, who drops out `d` times as often as buying, and mean spend g has expected value in a
horizon h

    Z = g y,  y = (1 - e^(-lambda d h)) / d,

and Z = 0 after dropout; d is the BG/NBD's dropout probability and the Pareto/NBD's death rate over purchase rate.

The law of y comes from P quasi-random points: point j belongs to one parameter draw and carries the quantiles of rate
and dropout at the j-th point of a two-dimensional lattice rule (`kernel_process.place`). The law of g = p / nu is known
(the inverse of a gamma variable), and log Z = log g + log y is their convolution in narrow bins. What depends on the
customer through whole counts alone is kept by them in `ltv.tables`.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv import kernel_process
from ltv.kernel_math import exp_of, log_of
from ltv.kernel_process import PurchasePoints
from ltv.kernel_purchases import History
from ltv.kernel_value import SpendNodes, spend_rate, spend_shape

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

REACH = 24.0  # a y that is e^24 times smaller than the largest counts as that small
NARROWEST_BIN, WIDEST_BIN = 0.012, 0.1
BINS_PER_SD = 4.0
MOST_BINS = 2048  # of log y: REACH / NARROWEST_BIN and one more
MOST_LEVEL_BINS = 512  # of log g
SMALL = 1e-5
TRACE = 1e-5  # of log g: bins beyond are lumped into the last one above it

LEVEL_START, LEVEL_STEP, LEVEL_SIZE = -4.0, 0.08, 164  # where `SpendLevels.cdf` is known, in standard deviations


class SpendLevels(NamedTuple):
    """By slot what depends on the number of spends seen (`slot` of a row: where its counts are kept)."""

    cdf: FloatArray  # (slots, J, LEVEL_SIZE) of log(q' / Gamma(q')) for each spend node
    sd: FloatArray  # (slots,) the unit that `cdf` is tabulated in


class Bins(NamedTuple):
    """Bins of log g: the law is in Expected.level."""

    start: float  # centre of bin 0
    width: float
    size: int


class Expected(NamedTuple):
    """Scratch of one customer."""

    rate: FloatArray  # (P,) lambda
    drop: FloatArray  # (P,) dropouts a purchase
    weight: FloatArray  # (P,) P(alive) / P
    log_y: FloatArray  # (P,) y is expected purchases while alive
    mass: FloatArray  # (MOST_BINS,) P(alive and log y in the bin)
    level: FloatArray  # (MOST_LEVEL_BINS,) P(log g in the bin)
    law: FloatArray  # (MOST_BINS + MOST_LEVEL_BINS,) P(alive and log Z in the bin)


_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def place(history: History, slot: int, alive: FloatArray, points: PurchasePoints, out: Expected) -> float:
    """Rates, dropouts and weights of the points for this customer, into out; returns P(alive)."""
    count, living = len(points.draw), 0.0
    for j in range(count):
        out.weight[j] = alive[points.draw[j]] / count
        living += out.weight[j]
    kernel_process.place(history, slot, points, out.rate, out.drop)
    return living


@numba.njit(nogil=True, cache=True, error_model="numpy")
def bin_level(history: History, slot: int, nodes: SpendNodes, levels: SpendLevels, out: Expected) -> Bins:
    """The law of log mean spend, mixed over the spend nodes, into out.level."""
    sd = levels.sd[slot]
    low, high = np.inf, -np.inf
    for j in range(len(nodes.p)):
        centre = _centre(j, history, nodes)
        low, high = min(low, centre), max(high, centre)
    low += LEVEL_START * sd
    high += (LEVEL_START + LEVEL_STEP * (LEVEL_SIZE - 1)) * sd
    width = max(min(max(sd / BINS_PER_SD, NARROWEST_BIN), WIDEST_BIN), (high - low) / (MOST_LEVEL_BINS - 2))
    size = int((high - low) / width) + 1
    out.level[:size] = 0.0
    for j in range(len(nodes.p)):
        cdf = levels.cdf[slot, j]
        offset = (low - _centre(j, history, nodes)) / sd
        before = 0.0
        for i in range(size):
            at = (offset + (i + 1) * (width / sd) - LEVEL_START) / LEVEL_STEP
            at = min(max(at, 0.0), LEVEL_SIZE - 1.001)
            cell = int(at)
            upto = cdf[cell] + (at - cell) * (cdf[cell + 1] - cdf[cell])
            out.level[i] += nodes.weight[j] * (upto - before)
            before = upto
        out.level[size - 1] += nodes.weight[j] * (1.0 - before)
    while size > 1 and out.level[size - 1] < TRACE:
        size -= 1
        out.level[size - 1] += out.level[size]
    return Bins(low + 0.5 * width, width, size)


@numba.njit(nogil=True, error_model="numpy")
def _centre(j: int, history: History, nodes: SpendNodes) -> float:
    """log of mean spend where nu is at its mean."""
    return np.log(nodes.p[j] * spend_rate(j, history, nodes) / spend_shape(j, history, nodes))


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def expect(horizon: float, out: Expected) -> tuple[float, float]:
    """log y of every point, into out; first and second moment of y, dropped customers included."""
    drop = out.drop
    first, second = 0.0, 0.0
    for j in range(len(drop)):
        rung = out.rate[j] * horizon  # expected rings of the Poisson clock
        lost = rung * drop[j]
        y = (1.0 - exp_of(-lost)) / drop[j] if lost > SMALL else rung * (1.0 - 0.5 * lost)
        first += out.weight[j] * y
        second += out.weight[j] * y * y
        out.log_y[j] = log_of(max(y, 1e-300))
    return first, second


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def convolve(bins: Bins, out: Expected) -> float:
    """The law of log Z into out.law; returns the centre of its first bin. A point is shared by the two nearest bins."""
    log_y, mass = out.log_y, out.mass
    low, top = _range(log_y)
    low = max(low, top - REACH)
    size = int((top - low) / bins.width) + 2
    mass[:size] = 0.0
    for j in range(len(log_y)):
        at = max(log_y[j] - low, 0.0) / bins.width
        cell = int(at)
        mass[cell] += out.weight[j] * (cell + 1 - at)
        mass[cell + 1] += out.weight[j] * (at - cell)
    out.law[: size + bins.size] = 0.0
    level = out.level[: bins.size]
    for i in range(size):
        share = mass[i]
        if share > 0.0:
            law = out.law[i : i + bins.size]
            for k in range(len(law)):
                law[k] += share * level[k]
    out.law[size + bins.size] = -1.0  # a mark: where the law ends
    return low + bins.start


@numba.njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "reassoc"}, error_model="numpy")
def _range(values: FloatArray) -> tuple[float, float]:
    """Smallest and largest; numpy's own minds NaN and is not vectorised."""
    low, high = values[0], values[0]
    for j in range(len(values)):
        low = min(low, values[j])
        high = max(high, values[j])
    return low, high


@numba.njit(nogil=True, cache=True, error_model="numpy")
def quantiles(levels: FloatArray, start: float, width: float, law: FloatArray, columns: FloatArray) -> float:
    """Quantiles of Z at rising levels, 0 up to P(dropped out), into columns; returns E Z^2."""
    living, second, size = 0.0, 0.0, 0
    square, growth = np.exp(2.0 * start), np.exp(2.0 * width)
    while law[size] >= 0.0:
        living += law[size]
        second += law[size] * square
        square *= growth
        size += 1
    reached, i = 1.0 - living, -1
    for k in range(len(levels)):
        while reached < levels[k] and i < size - 1:
            i += 1
            reached += law[i]
        if i < 0:
            columns[k] = 0.0
        else:
            part = (levels[k] - (reached - law[i])) / law[i] if law[i] > 0.0 else 0.5
            columns[k] = np.exp(start + (i - 0.5 + min(max(part, 0.0), 1.0)) * width)
    return second
