"""Are cohorts served alike? Calibration of forecasts, and exposure, of groups; those never exposed are one."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.measures import GroupMeasures

LEVEL = 0.05  # family-wise, over all groups of a report
RULE = "misjudged: mean of actual minus scaled forecast differs from 0, Holm's correction over all groups"
FEWEST = 30  # customers of a group that is tested: below, the normal law of its mean is no guide


@dataclass(frozen=True, slots=True)
class GroupCalibration:
    """One group: how its forecasts fared beside those of all."""

    calibration: GroupMeasures
    residual: float  # mean of actual minus forecast x overall ratio, units of the quantity
    p_value: float | None  # of a residual as far from 0 by chance; None of a group that is too small
    misjudged: bool  # after Holm's correction over all groups tested


@dataclass(frozen=True, slots=True)
class GroupFairness(GroupCalibration):
    """One group: how its forecasts fared, and how often it was shown."""

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


def calibrations(groups: list[tuple[GroupMeasures, IntArray]], residual: FloatArray) -> list[GroupCalibration]:
    """Which groups are misjudged.

    Args:
        groups: figures of each, and the positions of its customers, at least one; a customer may be in several.
        residual: of `residuals`, shape (customers,).
    """
    p_values = [p_value(residual[rows]) for _, rows in groups]
    return [
        GroupCalibration(measured, float(residual[rows].mean()), p, misjudged)
        for (measured, rows), p, misjudged in zip(groups, p_values, holm(p_values), strict=True)
    ]


def fairness(
    groups: list[tuple[GroupMeasures, IntArray]], residual: FloatArray, exposures: IntArray
) -> list[GroupFairness]:
    """The report of every group: `calibrations`, and beside it how often each customer was exposed, (customers,)."""
    total = int(exposures.sum())
    told = []
    for one, (_, rows) in zip(calibrations(groups, residual), groups, strict=True):
        shown = exposures[rows]
        share = len(rows) / len(exposures)
        told.append(
            GroupFairness(
                calibration=one.calibration,
                residual=one.residual,
                p_value=one.p_value,
                misjudged=one.misjudged,
                exposures=int(shown.sum()),
                exposed_share=float((shown > 0).mean()),
                exposures_per_customer=float(shown.mean()),
                exposure_ratio=float(shown.sum() / total / share) if total else None,
            )
        )
    return told


def as_data(one: GroupCalibration) -> dict[str, Any]:
    """The figures of a group side by side, for JSON."""
    data = asdict(one)
    measured: dict[str, Any] = data.pop("calibration")
    return {**measured, **data}
