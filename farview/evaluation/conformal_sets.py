"""Conformal sets of a rare outcome: who is told "may convert", so that a stated part of converters is among them.

Split conformal prediction by label (Vovk, Gammerman, Shafer, 2005, section 4.5; Sadinle, Lei, Wasserman, 2019, JASA
114): the threshold is an order statistic of the predictions of those who converted among earlier cases. Of later
converters at least the level is above it on average, if they are exchangeable with the earlier; over time they need not
be, so what was covered later is measured.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ConformalFigures:
    """How sets made on earlier cases did on later ones; None where there is nothing to tell it from."""

    level: float
    threshold: float | None
    coverage: float | None  # of later converters, the part that was told "may convert"
    flagged: float | None  # of later cases, converters or not


def converter_threshold(p: FloatArray, target: BoolArray, level: float) -> float:
    """The largest threshold with at least the level of one more exchangeable converter at or above it.

    Args:
        p: predictions, (cases,).
        target: who converted, (cases,).
        level: in (0, 1).

    Returns:
        The order statistic number floor((n + 1)(1 - level)) of the n converters' predictions; 0 where that is 0.
    """
    won = np.sort(p[target])
    place = int(np.floor((len(won) + 1) * (1 - level) + 1e-9))
    return float(won[place - 1]) if place > 0 else 0.0


def conformal_figures(
    earlier: tuple[FloatArray, BoolArray], later: tuple[FloatArray, BoolArray, FloatArray], level: float = 0.9
) -> ConformalFigures:
    """Sets made on earlier cases, judged on later ones.

    Args:
        earlier: predictions and outcomes.
        later: predictions, outcomes and weights of censoring.
        level: in (0, 1).
    """
    p, target, weight = later
    if not earlier[1].any() or not target.any():
        return ConformalFigures(level, None, None, None)
    threshold = converter_threshold(*earlier, level)
    told = p >= threshold
    return ConformalFigures(
        level=level,
        threshold=threshold,
        coverage=float(weight[target] @ told[target] / weight[target].sum()),
        flagged=float(weight @ told / weight.sum()),
    )
