"""Losses of a candidate against a champion over rolling origins, as figures of a resample of customers.

A customer stands in several origins and is drawn for all of them at once, so what its origins have in common is not
taken for evidence. Every loss is a mean over the origins where it is defined; positive means the candidate is worse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.bootstrap import Figure
from farview.evaluation.gini import Ordering


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What one model forecast at one origin, and how it was scored; each array of shape (rows,)."""

    scores: Mapping[str, FloatArray]  # by metric, lower is better: CRPS, log loss
    forecast: FloatArray  # mean of what `Trial.actual` is


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Candidate and champion at one origin, on the same rows."""

    customer: IntArray  # (rows,) number of each row's customer, the same over all trials
    actual: FloatArray  # (rows,)
    weight: FloatArray  # (rows,) of censoring; ones without
    candidate: Judged
    champion: Judged


def score_loss(trials: Sequence[Trial], metric: str) -> Figure:
    """ln of the candidate's mean score over the champion's: .01 is 1 % worse."""

    def of(trial: Trial) -> Callable[[IntArray], float | None]:
        ours, theirs = trial.candidate.scores[metric] * trial.weight, trial.champion.scores[metric] * trial.weight

        def loss(counts: IntArray) -> float | None:
            a, b = float((ours * counts).sum()), float((theirs * counts).sum())
            return float(np.log(a / b)) if a > 0 and b > 0 else None

        return loss

    return _mean_over(trials, of)


def gini_loss(trials: Sequence[Trial]) -> Figure:
    """The champion's normalised Gini less the candidate's."""

    def of(trial: Trial) -> Callable[[IntArray], float | None]:
        ours, theirs = (Ordering(trial.actual, judged.forecast) for judged in (trial.candidate, trial.champion))

        def loss(counts: IntArray) -> float | None:
            a, b = ours.gini(counts), theirs.gini(counts)
            return None if a is None or b is None else b - a

        return loss

    return _mean_over(trials, of)


def ratio_loss(trials: Sequence[Trial]) -> Figure:
    """How much farther the candidate's total is from the actual one: difference of |ln(forecast / actual)|."""

    def of(trial: Trial) -> Callable[[IntArray], float | None]:
        actual = trial.actual * trial.weight
        ours, theirs = trial.candidate.forecast * trial.weight, trial.champion.forecast * trial.weight

        def loss(counts: IntArray) -> float | None:
            a, b, came = (float((row * counts).sum()) for row in (ours, theirs, actual))
            if min(a, b, came) <= 0:
                return None
            return abs(float(np.log(a / came))) - abs(float(np.log(b / came)))

        return loss

    return _mean_over(trials, of)


def _mean_over(trials: Sequence[Trial], of: Callable[[Trial], Callable[[IntArray], float | None]]) -> Figure:
    losses = [(trial.customer, _nothing if trial.candidate is trial.champion else of(trial)) for trial in trials]

    def mean(counts: IntArray) -> float | None:
        found = [loss(counts[customer]) for customer, loss in losses]
        defined = [value for value in found if value is not None]
        return sum(defined) / len(defined) if defined else None

    return mean


def _nothing(_counts: IntArray) -> float:
    """Of a candidate that is the champion's configuration with its seed: the same forecasts."""
    return 0.0
