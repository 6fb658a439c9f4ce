"""Splits of at-risk steps by time and by customer, with the weights that stand in for censored windows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.core.randomness import generator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The steps of a span of time whose outcome is known by the span's end."""

    rows: IntArray  # (m,) ascending positions among all steps
    weight: FloatArray  # (m,) inverse probability of not being censored; at least 1
    censored: int  # steps of the span left out because the span ends before their window does

    def of(self, chosen: BoolArray) -> "Observed":
        """Those of the chosen steps, a mask of shape (steps,); the count of the censored stays."""
        kept = chosen[self.rows]
        return Observed(self.rows[kept], self.weight[kept], self.censored)


def observed(time_us: IntArray, resolved_us: IntArray, since_us: int, until_us: int) -> Observed:
    """The steps touched in [since, until) and resolved before `until`: their windows never straddle a split.

    A step resolved X after its touch is seen only if at least X of the span was left, so short windows are seen more
    often than long ones. Each is weighted by 1 / G(X), G(x) the share of the span's steps with more than x left:
    the censoring time, here what is left of the span, is known for every step, so G needs no estimate (the weights of
    Graf et al., 1999, Statistics in Medicine 18, eq. (8)). Right when outcome and calendar time are independent.

    Args:
        time_us: of the touch, shape (steps,).
        resolved_us: when the outcome was known, the largest integer if never, shape (steps,).
        since_us: first instant of the span.
        until_us: first instant after the span.
    """
    inside = (time_us >= since_us) & (time_us < until_us)
    left = np.sort(until_us - time_us[inside])
    rows = np.flatnonzero(inside & (resolved_us < until_us))
    needed = resolved_us[rows] - time_us[rows]
    more_left = len(left) - np.searchsorted(left, needed, side="right")
    return Observed(rows, len(left) / more_left, int(inside.sum()) - len(rows))


def day_by_which(day: IntArray, share: float) -> int:
    """The first day by whose end at least that share of the steps has passed; `day` has shape (steps,), not empty."""
    ordered = np.sort(day)
    return int(ordered[max(int(np.ceil(share * len(ordered) - 1e-9)) - 1, 0)])


def held_out_customers(customer_ids: Sequence[str], share: float, seed: int) -> BoolArray:
    """Which customers are held out, shape (customers,): by their id and the seed only, so no other log moves them."""
    return np.array([generator(seed, "held out", customer).random() < share for customer in customer_ids], np.bool_)
