"""The customer's own expected value: uncertain rate, dropout, spend level and parameters; outcome noise integrated out.

A living customer with rate lambda, dropout probability p and mean spend g has expected value in a horizon h

    Z = g (1 - e^(-lambda p h)) / p,

and Z = 0 after dropout. Its law is read off P quasi-random points: point j belongs to one parameter draw and carries
the quantiles of Gamma(r + x), Beta(a, b + x) and Gamma(q + p x) at the j-th point of a three-dimensional lattice rule.
These depend on the customer through x alone, so `ltv.tables` keeps them by x.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_math import exp_of
from ltv.kernel_purchases import History

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BINS_PER_OCTAVE = 64
OCTAVES = 48  # what is 2^48 times smaller than the largest point counts as that small
FIRST_BIT = np.int64(52 - 6)  # a float's bits from here up are its logarithm in 64ths of an octave, nearly
SMALL = 1e-5


class Points(NamedTuple):
    """P quasi-random points; by slot what depends on x (`slot` of a row: where its x is kept)."""

    draw: IntArray  # (P,) which parameter draw each point belongs to
    alpha: FloatArray  # (P,) of that draw
    p: FloatArray
    v: FloatArray
    rate: FloatArray  # (slots, P) (alpha + T) lambda
    drop: FloatArray  # (slots, P) dropout probability
    level: FloatArray  # (slots, P) (v + x m) nu, with mean spend p / nu


class Expected(NamedTuple):
    """Scratch of one customer."""

    rate: FloatArray  # (P,) lambda
    spend: FloatArray  # (P,) p / nu
    weight: FloatArray  # (P,) P(alive) / P
    purchases: FloatArray  # (P,) expected purchases while alive
    value: FloatArray  # (P,) Z while alive
    bins: FloatArray  # (OCTAVES * BINS_PER_OCTAVE,) weight per bin
    octaves: FloatArray  # (OCTAVES,) weight per octave of bins


_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def place(history: History, slot: int, alive: FloatArray, points: Points, out: Expected) -> float:
    """Rates, spends and weights of the points for this customer, into out; returns P(alive)."""
    count = len(points.draw)
    living = 0.0
    for j in range(count):
        out.weight[j] = alive[points.draw[j]] / count
        living += out.weight[j]
    rate, level = points.rate[slot], points.level[slot]
    for j in range(count):
        out.rate[j] = rate[j] / (points.alpha[j] + history.age)
        out.spend[j] = points.p[j] * (points.v[j] + history.spent) / level[j]
    return living


class Moments(NamedTuple):
    """Over all points, dropped customers included as zeros."""

    purchases: float
    purchases_squared: float
    value: float
    value_squared: float


@numba.njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def expect(slot: int, horizon: float, points: Points, out: Expected) -> Moments:
    """Expected purchases and value of every point, into out."""
    drop = points.drop[slot]
    for j in range(len(drop)):
        rung = out.rate[j] * horizon  # expected rings of the Poisson clock
        lost = rung * drop[j]
        taken = (1.0 - exp_of(-lost)) / drop[j] if lost > SMALL else rung * (1.0 - 0.5 * lost)
        out.purchases[j] = taken
        out.value[j] = taken * out.spend[j]
    purchases, purchases_squared, value, value_squared = 0.0, 0.0, 0.0, 0.0
    for j in range(len(drop)):
        purchases += out.weight[j] * out.purchases[j]
        purchases_squared += out.weight[j] * out.purchases[j] * out.purchases[j]
        value += out.weight[j] * out.value[j]
        value_squared += out.weight[j] * out.value[j] * out.value[j]
    return Moments(purchases, purchases_squared, value, value_squared)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def quantiles(living: float, levels: FloatArray, out: Expected, columns: FloatArray) -> None:
    """Quantiles of the customer's expected value at rising levels, 0 up to P(dropped out), into columns.

    Points are counted into bins a 64th of an octave wide by the leading bits of the float; inside a bin weight is even.
    """
    value, weight, bins, octaves = out.value, out.weight, out.bins, out.octaves
    size = len(bins)
    bits = value.view(np.int64)
    top = np.int64(0)
    for j in range(len(bits)):
        top = max(top, bits[j])
    base = (top >> FIRST_BIT) - np.int64(size - 1)
    bins[:] = 0.0
    octaves[:] = 0.0
    total = 0.0
    for j in range(len(bits)):
        i = max((bits[j] >> FIRST_BIT) - base, np.int64(0))
        bins[i] += weight[j]
        octaves[i // BINS_PER_OCTAVE] += weight[j]
        total += weight[j]
    for k in range(len(levels)):
        wanted = (levels[k] - (1.0 - living)) * total / living if living > 0.0 else 0.0
        if wanted <= 0.0:
            columns[k] = 0.0
            continue
        octave = 0
        while octave < len(octaves) - 1 and wanted > octaves[octave]:
            wanted -= octaves[octave]
            octave += 1
        i = octave * BINS_PER_OCTAVE
        end = i + BINS_PER_OCTAVE - 1
        while i < end and wanted > bins[i]:
            wanted -= bins[i]
            i += 1
        edge = _edge(base + i)
        part = min(max(wanted / bins[i], 0.0), 1.0) if bins[i] > 0.0 else 0.5
        columns[k] = edge + part * (_edge(base + i + 1) - edge)


@numba.njit(nogil=True, error_model="numpy")
def _edge(index: int) -> float:
    """Lower edge of a bin: the float whose leading bits are the index."""
    return np.float64(np.int64(max(index, 0) << FIRST_BIT).view(np.float64))
