"""What orders customers, from the forecasts of one horizon, with the parts that it is made of.

Every kind of score names the forecast columns it reads and gives, from them, the score of each customer and named parts
that add up to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.errors import InvalidInput
from ranking import expected_value_law
from ranking.expected_value_law import Laws

FloatArray: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, NDArray[Any]]

MEAN = f"{c.EXPECTED_VALUE}_mean"
SD = f"{c.EXPECTED_VALUE}_sd"
QUANTILES = tuple(f"{c.EXPECTED_VALUE}_{suffix}" for suffix in c.QUANTILE_SUFFIXES)
UNCERTAINTY = "uncertainty"
EFFECT = "treatment_effect"
"""Beside the forecast's columns: (customers,), what an action changes, reporting currency."""
UNIFORM = "uniform"
"""Beside the forecast's columns: (customers,), in (0, 1), keyed by seed and customer."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores and what they are made of."""

    score: FloatArray  # (customers,)
    parts: Mapping[str, FloatArray]  # each (customers,); their sum is the score


class Score(Protocol):
    """A kind of score."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Forecast columns that it reads."""

    def of(self, columns: Columns) -> Scored:
        """The score of each customer.

        Args:
            columns: at least `columns`, of one horizon, each shape (customers,); for a draw also UNIFORM.
        """


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """The customer's expected value over the horizon, in the reporting currency."""

    columns: tuple[str, ...] = (MEAN,)

    def of(self, columns: Columns) -> Scored:
        """The mean of (b), its own only part."""
        mean = np.asarray(columns[MEAN], dtype=np.float64)
        return Scored(mean, {MEAN: mean})


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
        """The mean and the quantile."""
        return (MEAN, QUANTILES[c.QUANTILE_LEVELS.index(self.level)])

    def of(self, columns: Columns) -> Scored:
        """The expected value, and what uncertainty takes from it or adds to it."""
        return _beside_the_mean(columns, np.asarray(columns[self.columns[1]], dtype=np.float64))


@dataclass(frozen=True, slots=True)
class UpperConfidence:
    """The mean of (b) and so many of its standard deviations: prefers those of whom little is known."""

    deviations: float
    columns: tuple[str, ...] = (MEAN, SD)

    def of(self, columns: Columns) -> Scored:
        """The expected value, and the bonus of being uncertain."""
        sd = np.asarray(columns[SD], dtype=np.float64)
        return _beside_the_mean(columns, columns[MEAN] + self.deviations * sd)


@dataclass(frozen=True, slots=True)
class ThompsonDraw:
    """One draw of (b) for each customer: explores in proportion to the probability of being the best."""

    columns: tuple[str, ...] = (MEAN, *QUANTILES)

    def of(self, columns: Columns) -> Scored:
        """The expected value, and what the draw makes of it."""
        return _beside_the_mean(columns, expected_value_law.quantile(laws_of(columns), columns[UNIFORM]))


def laws_of(columns: Columns) -> Laws:
    """The laws that Thompson draws come from, of `ThompsonDraw.columns`."""
    mean, *quantiles = (np.asarray(columns[name], dtype=np.float64) for name in (MEAN, *QUANTILES))
    return expected_value_law.laws(mean, tuple(quantiles))


@dataclass(frozen=True, slots=True)
class TreatmentEffect:
    """What an action changes for the customer; prefers those whom it moves to those who would come anyway."""

    columns: tuple[str, ...] = ()

    def of(self, columns: Columns) -> Scored:
        """The effect, its own only part."""
        effect = np.asarray(columns[EFFECT], dtype=np.float64)
        return Scored(effect, {EFFECT: effect})


def _beside_the_mean(columns: Columns, score: FloatArray) -> Scored:
    mean = np.asarray(columns[MEAN], dtype=np.float64)
    return Scored(score, {MEAN: mean, UNCERTAINTY: score - mean})
