"""Quantile-grid points of a continuous law, placed so that the mean between any two levels is the law's.

Quantiles alone would not do: chords overstate a convex quantile function, and what 32 of them overstate would fall on
the last. With the mean right in every cell, the grid's mean, CVaR and CRPS are right too.
"""

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SWEEPS = 8


@numba.njit(nogil=True, cache=True, error_model="numpy")
def fit_cells(cell_means: FloatArray, points: FloatArray) -> None:
    """Moves points, never decreasing, so that the middle of each chord is the mean of its cell.

    Cell after cell, up and down, both ends move by what the middle lacks, the end with the wider surroundings more:
    starting from quantiles this stays near them. The last point does what is left for it.

    Args:
        cell_means: (32,) mean of the law between consecutive levels, rising.
        points: (33,) its quantiles at the levels, the last ignored; changed in place.

    Source: Kaczmarz (1937), projections onto one equation after the other.
    """
    last = len(points) - 1
    # An end where nothing is known of the quantile function but the mean of the cell.
    points[0] = max(min(2.0 * cell_means[0] - points[1], points[1]), 0.0)
    ease = mobility(points)
    for sweep in range(SWEEPS):
        for k in range(last - 1):
            i = k if sweep % 2 == 0 else last - 2 - k
            meet_mean(i, cell_means, ease, points)
    for i in range(1, last):
        points[i] = max(points[i], points[i - 1])
    points[last] = max(2.0 * cell_means[last - 1] - points[last - 1], points[last - 1])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def mobility(points: FloatArray) -> FloatArray:
    """How easily each point but the last moves, (32,): the square of the distance between its neighbours."""
    ease, last = np.empty(len(points) - 1), len(points) - 1
    for i in range(last):
        low, high = points[max(i - 1, 0)], points[min(i + 1, last - 1)]
        ease[i] = (high - low) * (high - low) + 1e-24 * points[last - 1] * points[last - 1] + 1e-300
    ease[last - 1] *= 4.0  # its upper neighbour is not known, and twice as far by any guess
    return ease


@numba.njit(nogil=True, cache=True, error_model="numpy")
def meet_mean(i: int, cell_means: FloatArray, ease: FloatArray, points: FloatArray) -> None:
    """Moves points i and i + 1 so that the middle between them is the mean of their cell.

    As the quantiles themselves, each stays between the means of the cells beside it.
    """
    lack = 2.0 * cell_means[i] - points[i] - points[i + 1]
    share = ease[i] / (ease[i] + ease[i + 1])
    lowest = cell_means[i - 1] if i > 0 else 0.0
    points[i] = min(max(points[i] + share * lack, lowest), cell_means[i])
    points[i + 1] = min(max(points[i + 1] + (1.0 - share) * lack, cell_means[i]), cell_means[i + 1])


def points_of(quantile_levels: FloatArray, quantiles: FloatArray, levels: FloatArray, mean: float) -> FloatArray:
    """Points of one law whose quantile function is known, and linear, between many levels of its own.

    Args:
        quantile_levels: rising from 0 to 1.
        quantiles: there, never decreasing, not negative.
        levels: (33,) of the grid.
        mean: of the law, which the grid has exactly; the quantiles may have a slightly other one.

    Returns:
        (33,).
    """
    all_levels = np.union1d(quantile_levels, levels)
    at = np.interp(all_levels, quantile_levels, quantiles)
    below = np.append(0.0, np.cumsum(np.diff(all_levels) * 0.5 * (at[1:] + at[:-1])))
    if below[-1] > 0.0:
        at, below = at * (mean / below[-1]), below * (mean / below[-1])
    grid = np.searchsorted(all_levels, levels)
    points = at[grid]
    fit_cells(np.diff(below[grid]) / np.diff(levels), points)
    found = float(0.5 * (points[1:] + points[:-1]) @ np.diff(levels))
    return points * (mean / found) if found > 0.0 else points  # a law with a sharp bend between levels is not met
