"""Scores of what will be observed, (a): how likely more than a threshold is, and what the best or the worst bring."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core import quantile_grid
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import GridLaw
from farview.core.schemas import GRID_BYTES
from ranking.scores import Columns, FloatArray, Scored

OUTCOME = "outcome"
GRID = f"{c.VALUE}_grid"
_COLUMNS = (f"{c.VALUE}_p_zero", f"{c.VALUE}_mean", GRID)
_ROWS = 16_384  # laws at once: 33 doubles each, so that memory does not grow with the customers


@dataclass(frozen=True, slots=True)
class Exceedance:
    """P(value > threshold): how likely it is that the customer spends more than that. Between 0 and 1."""

    threshold: float  # reporting currency, at least 0
    columns: tuple[str, ...] = _COLUMNS

    def of(self, columns: Columns) -> Scored:
        """The probability, its own only part."""
        return _by_laws(columns, lambda laws: quantile_grid.exceedance(laws, np.full(len(laws.p_zero), self.threshold)))


@dataclass(frozen=True, slots=True)
class ConditionalTail:
    """The mean of the best or the worst part of what may be observed (CVaR), in the reporting currency.

    Raises:
        InvalidInput: on `score.tail`, outside (0, 1].
    """

    tail: float  # the part, in (0, 1]
    upper: bool  # the best part; else the worst, zeros included
    columns: tuple[str, ...] = _COLUMNS

    def __post_init__(self) -> None:
        if not 0 < self.tail <= 1:
            raise InvalidInput.of("score.tail", f"{self.tail:g} is not a part of the outcomes; above 0 and at most 1")

    def of(self, columns: Columns) -> Scored:
        """The mean of that part, its own only part."""
        return _by_laws(columns, lambda laws: quantile_grid.cvar(laws, self.tail, upper=self.upper))


def stored_grids(codes: NDArray[np.float16]) -> pa.FixedSizeBinaryArray:
    """Codes, shape (customers, 33), as the column of a forecast that they were read from; nothing is copied."""
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(GRID_BYTES), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes))]
    )


def _by_laws(columns: Columns, measure: Callable[[GridLaw], FloatArray]) -> Scored:
    p_zero, mean, codes = (columns[name] for name in _COLUMNS)
    found = np.empty(len(p_zero))
    for start in range(0, len(found), _ROWS):
        rows = slice(start, start + _ROWS)
        laws = quantile_grid.law(p_zero[rows], mean[rows], stored_grids(codes[rows]), counts=False)
        found[rows] = measure(laws)
    return Scored(found, {OUTCOME: found})
