"""What scoring reads of a BG/BB, computed once."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from ltv.kernel_bg_bb import BgBb, BgBbPoints

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SMALLEST_CHANCE, LARGEST_DROPOUT = 1e-200, 1.0 - 1e-12


class BySlot(NamedTuple):
    """Quasi-random points of histories with one x and n a slot."""

    rate: FloatArray  # (slots, P)
    drop: FloatArray  # (slots, P)


class BgBbTables:
    """See `tables.PurchaseTables`."""

    def __init__(self, draws: FloatArray, period_days: int) -> None:
        """Draws (S, 4) of alpha, beta, gamma, delta, in opportunities of so many days."""
        self._draws = np.ascontiguousarray(draws)
        self._period_days = float(period_days)
        self._counts = 1

    def reach(self, counts: int) -> None:
        """Needs no table of its own: the spend tables by whole numbers are what ends."""
        self._counts = counts

    def draws(self) -> BgBb:
        """For the kernels."""
        return BgBb(self._draws, self._period_days, self._counts)

    def beside(self, age_days: FloatArray) -> IntArray:
        """n, which the chances' laws depend on beside x."""
        return np.round(age_days / self._period_days).astype(np.int64)

    def room(self, slots: int, points: int) -> BySlot:
        """Empty tables by slot."""
        return BySlot(*np.empty((2, slots, points)))

    def keep(self, into: BySlot, slot: int, counts: tuple[int, int], draw: IntArray, uniforms: FloatArray) -> None:
        """Fills one slot: point j belongs to draw[j] and lies at uniforms[:, j] of the unit square.

        Given p and theta expected purchases within m opportunities are p (1 - theta) (1 - (1 - theta)^m) / theta: with
        d = theta / (p (1 - theta)) dropouts a purchase and a rate of -log(1 - theta) / d a period the form of
        `kernel_expected`.
        """
        x, n = counts
        alpha, beta, gamma, delta = self._draws[draw].T
        p = np.maximum(betaincinv(alpha + x, beta + (n - x), uniforms[0]), SMALLEST_CHANCE)
        theta = np.clip(betaincinv(gamma, delta + n, uniforms[1]), SMALLEST_CHANCE, LARGEST_DROPOUT)
        into.drop[slot] = theta / (p * (1.0 - theta))
        into.rate[slot] = -np.log1p(-theta) / theta * p * (1.0 - theta) / self._period_days

    def points(self, by_slot: BySlot, draw: IntArray) -> BgBbPoints:
        """For the kernels."""
        return BgBbPoints(draw, *by_slot)
