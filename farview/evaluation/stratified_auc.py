"""Area under the ROC curve within strata: how well a score orders those who could be compared."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def stratified_auc(
    score: FloatArray, target: BoolArray, stratum: IntArray, weight: FloatArray | None = None
) -> float | None:
    """Concordant pairs within a stratum, pooled over strata, over all such pairs; a tied pair counts one half.

    A pair is a positive and a negative of one stratum, its weight the product of theirs. With the step index as the
    stratum, whatever is a function of the step index alone, touches so far above all, scores exactly one half.

    Args:
        score: higher means more likely, shape (steps,).
        target: shape (steps,).
        stratum: shape (steps,).
        weight: positive, shape (steps,); default: all 1.

    Returns:
        None when no stratum holds both outcomes.
    """
    weights = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    order = np.lexsort((score, stratum))
    concordant, tied, discordant = _pairs(
        np.asarray(score, dtype=np.float64)[order],
        np.asarray(target)[order],
        np.asarray(stratum)[order],
        weights[order],
    )
    pairs = concordant + tied + discordant
    return float((concordant + tied / 2) / pairs) if pairs > 0 else None


@njit(cache=True, nogil=True)
def _pairs(score: FloatArray, target: BoolArray, stratum: IntArray, weight: FloatArray) -> tuple[float, float, float]:
    """Weights of concordant, tied and discordant pairs; rows sorted by stratum, then score."""
    concordant = tied = discordant = 0.0
    negatives_below = positives_below = 0.0
    row = 0
    while row < len(score):
        if row == 0 or stratum[row] != stratum[row - 1]:
            negatives_below = positives_below = 0.0
        positives = negatives = 0.0
        first = row
        while row < len(score) and stratum[row] == stratum[first] and score[row] == score[first]:
            if target[row]:
                positives += weight[row]
            else:
                negatives += weight[row]
            row += 1
        concordant += positives * negatives_below
        tied += positives * negatives
        discordant += negatives * positives_below
        negatives_below += negatives
        positives_below += positives
    return concordant, tied, discordant
