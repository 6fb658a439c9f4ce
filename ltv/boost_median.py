"""The median day of the next purchase when hazards are corrected: the anchor's, moved along its own curve.

With L(t) = -log P(no purchase within t days) of the anchor and a correction f of its logarithm, half of the probability
of a purchase within h days has passed on the day t with

    1 - exp(-L(t) exp(f)) = (1 - exp(-L(h) exp(f))) / 2.

L is known at the anchor's horizons and on its own median day, and taken as straight between them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEAST_STEP = 1e-300  # between two known hazards


@dataclass(frozen=True, slots=True, eq=False)
class AnchorWait:
    """When the anchor expects the next purchase."""

    horizon_days: FloatArray  # (horizons,), rising
    hazard: FloatArray  # (rows, horizons), L at each
    median_days: FloatArray  # (rows,), given a purchase within the longest of them; rounded up to a day


def corrected_median(wait: AnchorWait, within: int, correction: FloatArray) -> FloatArray:
    """Days to the median of the next purchase given one within one of the horizons, (rows,), above 0.

    Args:
        wait: of the anchor.
        within: which horizon.
        correction: f of each row, (rows,).
    """
    rows = np.arange(len(correction))
    factor = np.exp(correction)
    days = np.column_stack([np.zeros(len(rows)), wait.median_days - 0.5, np.tile(wait.horizon_days, (len(rows), 1))])
    hazard = np.column_stack([np.zeros(len(rows)), _half(wait.hazard[:, -1]), wait.hazard])
    order = np.argsort(days, axis=1, kind="stable")
    days = np.take_along_axis(days, order, axis=1)
    hazard = np.maximum.accumulate(np.take_along_axis(hazard, order, axis=1), axis=1)
    wanted = _half(wait.hazard[:, within] * factor) / factor
    above = np.clip((hazard < wanted[:, None]).sum(axis=1), 1, days.shape[1] - 1)
    low, high = hazard[rows, above - 1], hazard[rows, above]
    part = np.clip((wanted - low) / np.maximum(high - low, LEAST_STEP), 0.0, 1.0)
    found = days[rows, above - 1] + part * (days[rows, above] - days[rows, above - 1])
    return np.clip(found, LEAST_STEP, wait.horizon_days[within])


def _half(hazard: FloatArray) -> FloatArray:
    """The hazard by which half of the probability of hazard has passed."""
    return np.asarray(-np.log1p(0.5 * np.expm1(-hazard)))
