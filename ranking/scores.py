"""Scores by which customers are ordered, from stored forecasts of one horizon, with the parts they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.errors import InvalidInput

FloatArray: TypeAlias = NDArray[np.float64]

_MEAN = f"{c.EXPECTED_VALUE}_mean"


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """The customer's expected value over the horizon, in the reporting currency."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Forecast columns that the score and its parts read; the last is the score itself."""
        return (_MEAN,)

    def parts(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, FloatArray]:
        """Named terms, each shape (customers,), that add up to the score."""
        return {_MEAN: np.asarray(columns[_MEAN], dtype=np.float64)}


@dataclass(frozen=True, slots=True)
class ExpectedValueQuantile:
    """A quantile of the customer's own expected value (b): low levels are cautious, high ones hopeful.

    Raises:
        InvalidInput: on `score.quantile_level`, for a level that forecasts do not store.
    """

    level: float  # .05, .1, .5, .9 or .95

    def __post_init__(self) -> None:
        if self.level not in c.QUANTILE_LEVELS:
            stored = ", ".join(map(str, c.QUANTILE_LEVELS))
            raise InvalidInput.of("score.quantile_level", f"{self.level} is not a stored level; choose one of {stored}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Forecast columns that the score and its parts read; the last is the score itself."""
        return (_MEAN, f"{c.EXPECTED_VALUE}_{c.QUANTILE_SUFFIXES[c.QUANTILE_LEVELS.index(self.level)]}")

    def parts(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, FloatArray]:
        """The expected value, and what uncertainty takes from it or adds to it."""
        mean, quantile = (np.asarray(columns[name], dtype=np.float64) for name in self.columns)
        return {_MEAN: mean, "uncertainty": quantile - mean}


Score: TypeAlias = ExpectedValue | ExpectedValueQuantile


def score(kind: Score, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
    """The score of each customer; its parts add up to it.

    Args:
        columns: forecast columns of one horizon, at least `kind.columns`, each shape (customers,).

    Returns:
        Shape (customers,), reporting currency.
    """
    return np.asarray(columns[kind.columns[-1]], dtype=np.float64)
