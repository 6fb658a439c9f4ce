"""What scoring reads of a BG/NBD or MBG/NBD, computed once."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv

from ltv.kernel_beta_dropout import BetaDropout, BetaDropoutPoints

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class BySlot(NamedTuple):
    """Quasi-random points of histories with one x a slot."""

    rate: FloatArray  # (slots, P)
    drop: FloatArray  # (slots, P)


class BetaDropoutTables:
    """See `tables.PurchaseTables`."""

    def __init__(self, draws: FloatArray, *, first_may_be_last: bool) -> None:
        """Draws (S, 4) of r, alpha in days, a, b; `first_may_be_last` for the MBG/NBD."""
        self._r, self._alpha, self._a, b = np.ascontiguousarray(draws.T)
        self._b = b + 1.0 if first_may_be_last else b
        self._first_may_be_last = first_may_be_last
        self._stay = np.ones((1, len(self._r)))

    def reach(self, counts: int) -> None:
        """Extends the table over whole numbers."""
        have = len(self._stay)
        k = np.arange(have - 1, counts - 1, dtype=np.float64)[:, None]
        # One product from start to end, however often it is extended: rounding must not depend on that.
        steps = np.vstack([self._stay[-1:], (self._b + k) / (self._a + self._b + k)])
        self._stay = np.vstack([self._stay[:-1], np.cumprod(steps, axis=0)])

    def draws(self) -> BetaDropout:
        """For the kernels."""
        return BetaDropout(
            r=self._r,
            alpha=self._alpha,
            a=self._a,
            b=self._b,
            stay=self._stay,
            largest_r=float(self._r.max()),
            smallest_alpha=float(self._alpha.min()),
            smallest_a=float(self._a.min()),
            largest_b=float(self._b.max()),
            first_may_be_last=self._first_may_be_last,
        )

    def room(self, slots: int, points: int) -> BySlot:
        """Empty tables by slot."""
        return BySlot(*np.empty((2, slots, points)))

    def beside(self, age_days: FloatArray) -> IntArray:
        """Nothing: what depends on the age is a factor of the points."""
        return np.zeros(len(age_days), dtype=np.int64)

    def keep(self, into: BySlot, slot: int, counts: tuple[int, int], draw: IntArray, uniforms: FloatArray) -> None:
        """Fills one slot: point j belongs to draw[j] and lies at uniforms[:, j] of the unit square."""
        x, _ = counts
        into.rate[slot] = gammaincinv(self._r[draw] + x, uniforms[0])
        into.drop[slot] = betaincinv(self._a[draw], self._b[draw] + x, uniforms[1])

    def points(self, by_slot: BySlot, draw: IntArray) -> BetaDropoutPoints:
        """For the kernels."""
        return BetaDropoutPoints(draw, self._alpha[draw], *by_slot)
