"""What scoring reads of a Pareto/NBD, computed once."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from ltv.kernel_pareto_nbd import ParetoNbd, ParetoNbdPoints

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class BySlot(NamedTuple):
    """Quasi-random points of histories with one x a slot."""

    rate: FloatArray  # (slots, P)
    death: FloatArray  # (slots, P)


class ParetoNbdTables:
    """See `tables.PurchaseTables`."""

    def __init__(self, draws: FloatArray) -> None:
        """Draws (S, 4) of r, alpha in days, s, beta in days."""
        self._draws = np.ascontiguousarray(draws)
        self._counts = 1

    def reach(self, counts: int) -> None:
        """Needs no table of its own: the spend tables by whole numbers are what ends."""
        self._counts = counts

    def draws(self) -> ParetoNbd:
        """For the kernels."""
        return ParetoNbd(self._draws, self._counts, float(self._draws[:, 0].max()), float(self._draws[:, 1].min()))

    def room(self, slots: int, points: int) -> BySlot:
        """Empty tables by slot."""
        return BySlot(*np.empty((2, slots, points)))

    def beside(self, age_days: FloatArray) -> IntArray:
        """Nothing: what depends on the age is a factor of the points."""
        return np.zeros(len(age_days), dtype=np.int64)

    def keep(self, into: BySlot, slot: int, counts: tuple[int, int], draw: IntArray, uniforms: FloatArray) -> None:
        """Fills one slot: point j belongs to draw[j] and lies at uniforms[:, j] of the unit square."""
        x, _ = counts
        into.rate[slot] = gammaincinv(self._draws[draw, 0] + x, uniforms[0])
        into.death[slot] = gammaincinv(self._draws[draw, 2], uniforms[1])

    def points(self, by_slot: BySlot, draw: IntArray) -> ParetoNbdPoints:
        """For the kernels."""
        return ParetoNbdPoints(draw, self._draws[draw, 1], self._draws[draw, 3], *by_slot)
