"""Scores of what will be observed, (a): how likely more than a threshold is, and what the best or the worst bring."""

from dataclasses import dataclass
from math import inf

from farview.core import columns as c
from farview.core.errors import InvalidInput
from ranking.outcome_kernels import conditional_tails, exceedances
from ranking.scores import Columns, FloatArray, Scored

OUTCOME = "outcome"
GRID = f"{c.VALUE}_grid"
_COLUMNS = (f"{c.VALUE}_p_zero", f"{c.VALUE}_mean", GRID)


@dataclass(frozen=True, slots=True)
class Exceedance:
    """P(value > threshold): how likely it is that the customer spends more than that. Between 0 and 1.

    Raises:
        InvalidInput: on `score.threshold`, below 0 or not a number.
    """

    threshold: float  # reporting currency, at least 0
    columns: tuple[str, ...] = _COLUMNS

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < inf:
            raise InvalidInput.of("score.threshold", f"{self.threshold:g} is not an amount; at least 0")

    def of(self, columns: Columns) -> Scored:
        """The probability, its own only part."""
        p_zero, mean, codes = (columns[name] for name in _COLUMNS)
        return _alone(exceedances(p_zero, mean, codes, self.threshold))


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
        p_zero, mean, codes = (columns[name] for name in _COLUMNS)
        return _alone(conditional_tails(p_zero, mean, codes, self.tail, upper=self.upper))


def _alone(found: FloatArray) -> Scored:
    return Scored(found, {OUTCOME: found})
