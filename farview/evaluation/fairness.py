"""Are cohorts served alike? Calibration of forecasts, and exposure, of groups; those never exposed are one."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.measures import GroupMeasures

LEVEL = 0.05  # family-wise, over all groups of a report
FEWEST = 30  # customers of a group that is tested: below, the normal law of its mean is no guide


@dataclass(frozen=True, slots=True)
class GroupFairness:
    """One group: how its forecasts fared, and how often it was shown."""

    calibration: GroupMeasures
    residual: float  # mean of actual minus forecast x overall ratio, units of the quantity
    p_value: float | None  # of a residual as far from 0 by chance; None of a group that is too small
    misjudged: bool  # after Holm's correction over all groups tested
    exposures: int
    exposed_share: float  # of the group's customers, exposed at least once
    exposures_per_customer: float
    exposure_ratio: float | None  # its share of exposures over its share of customers; None without exposures


def residuals(actual: FloatArray, forecast: FloatArray) -> FloatArray:
    """Actual minus forecast once all forecasts are scaled to the actual total, shape (customers,).

    What a season does to everybody is no unfairness: groups are held against one another.
    """
    total = float(forecast.sum())
    return actual - forecast * (float(actual.sum()) / total if total > 0 else 0.0)


def p_value(residual: FloatArray) -> float | None:
    """Two-sided, that the mean of a group's residuals, shape (customers,), is 0; None of too few or equal ones."""
    n = len(residual)
    spread = float(residual.std(ddof=1)) if n > 1 else 0.0
    if n < FEWEST or spread == 0:
        return None
    return float(2 * norm.sf(abs(residual.mean()) / (spread / np.sqrt(n))))


def holm(p_values: list[float | None], level: float = LEVEL) -> list[bool]:
    """Which hypotheses are refused at a family-wise level; None is never.

    Source: Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    refused = [False] * len(p_values)
    for rank, (p, i) in enumerate(known):
        if p > level / (len(known) - rank):
            break
        refused[i] = True
    return refused


def fairness(
    calibration: list[tuple[GroupMeasures, IntArray]], residual: FloatArray, exposures: IntArray
) -> list[GroupFairness]:
    """The report of every group.

    Args:
        calibration: of each group, and the positions of its customers, at least one; a customer may be in several.
        residual: of `residuals`, shape (customers,).
        exposures: how often each customer was exposed, shape (customers,).
    """
    p_values = [p_value(residual[rows]) for _, rows in calibration]
    total = int(exposures.sum())
    told = []
    for (measured, rows), p, misjudged in zip(calibration, p_values, holm(p_values), strict=True):
        shown = exposures[rows]
        share = len(rows) / len(exposures)
        told.append(
            GroupFairness(
                calibration=measured,
                residual=float(residual[rows].mean()),
                p_value=p,
                misjudged=misjudged,
                exposures=int(shown.sum()),
                exposed_share=float((shown > 0).mean()),
                exposures_per_customer=float(shown.mean()),
                exposure_ratio=float(shown.sum() / total / share) if total else None,
            )
        )
    return told
