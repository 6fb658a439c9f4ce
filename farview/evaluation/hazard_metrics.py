"""Metrics of predicted probabilities. Arrays have shape (steps,); weights are those of censoring, all 1 by default."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.evaluation.stratified_auc import stratified_auc

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SMALLEST = 1e-12  # a certain prediction that fails costs 27.6, not infinity


@dataclass(frozen=True, slots=True)
class HazardMetrics:
    """How good per-step probabilities are; an undefined figure is None."""

    auc: float | None  # stratified by step index
    log_loss: float
    brier: float
    ece: float
    recall_at_10pct: float | None


def hazard_metrics(p: FloatArray, target: BoolArray, index: IntArray, weight: FloatArray) -> HazardMetrics:
    """All figures of one model; `index` is the step index k."""
    return HazardMetrics(
        auc=stratified_auc(p, target, index, weight),
        log_loss=float(np.average(log_losses(p, target), weights=weight)),
        brier=float(np.average((p - target) ** 2, weights=weight)),
        ece=expected_calibration_error(p, target, weight),
        recall_at_10pct=recall_at(p, target, 0.1, weight),
    )


def log_losses(p: FloatArray, target: BoolArray) -> FloatArray:
    """-ln of the probability given to what happened, per step."""
    return -np.log(np.maximum(np.where(target, p, 1 - p), _SMALLEST))


def expected_calibration_error(
    p: FloatArray, target: BoolArray, weight: FloatArray | None = None, bins: int = 10
) -> float:
    """Mean over bins of equal mass of |mean prediction - observed rate|, weighted by the bins' mass.

    Equal predictions stay in one bin (that of their middle rank), so a constant forecast is judged as a whole.
    """
    mass, predicted, happened = _tied_groups(p, target, weight)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    bin_of = np.minimum((middle * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, predicted * mass, bins) - np.bincount(bin_of, happened, bins)
    return float(np.abs(gap).sum() / mass.sum())


def recall_at(p: FloatArray, target: BoolArray, share: float, weight: FloatArray | None = None) -> float | None:
    """Share of all conversions found in the `share` of steps with the highest predictions.

    Equal predictions enter in proportion, so no order among them is invented. None without a conversion.
    """
    mass, _, happened = (figure[::-1] for figure in _tied_groups(p, target, weight))
    if happened.sum() == 0:
        return None
    room = share * mass.sum() - (np.cumsum(mass) - mass)
    taken = np.clip(room / mass, 0, 1)
    return float((taken * happened).sum() / happened.sum())


def _tied_groups(
    p: FloatArray, target: BoolArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mass, prediction and weighted conversions of each distinct prediction, ascending."""
    weights = np.ones(len(p)) if weight is None else weight
    predicted, group = np.unique(p, return_inverse=True)
    mass, happened = (np.bincount(group, figure).astype(np.float64) for figure in (weights, weights * target))
    return mass, predicted, happened
