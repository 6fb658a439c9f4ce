"""Do events happen as often as their probabilities say? One chi-square test for every room of the simulation."""

import numpy as np
from scipy.stats import chi2

FAMILY_LEVEL = 0.001  # of a false alarm anywhere in one test, shared equally by its comparisons
FEWEST = 10.0  # expected events and non-events a cell needs before its statistic is near normal


def cell_p_value(cells: np.ndarray, happened: np.ndarray, probability: np.ndarray) -> float:
    """p-value that events have these probabilities, judged cell by cell.

    Sum over cells of (events - expected)^2 / sum of p (1 - p), against chi-square with a degree for each cell. Events
    whose probabilities are conditional on all before them are martingale differences, so cells need not be independent
    journeys.
    """
    _, cell = np.unique(cells, return_inverse=True)
    surprise = np.bincount(cell, happened - probability)
    variance = np.bincount(cell, probability * (1 - probability))
    enough = (np.bincount(cell, probability) >= FEWEST) & (np.bincount(cell, 1 - probability) >= FEWEST)
    assert enough.sum() >= 5, "too few events to judge"
    return float(chi2.sf((surprise[enough] ** 2 / variance[enough]).sum(), enough.sum()))
