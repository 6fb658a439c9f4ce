"""Contracts that come up for renewal at the end of each period: what was seen, and what survival is worth.

Every law of a contract's length in whole periods is used through its survival S(t), the probability of at least t
renewals, S(0) = 1. Nothing here knows which law it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from farview.core.errors import InvalidInput, Violation

FloatArray = npt.NDArray[np.float64]

LogSurvival = Callable[[FloatArray], FloatArray]
"""log S at times t, shape (periods,) in renewals; returns shape (periods,) or (draws, periods)."""

SMALLEST_PART = 1e-12  # of a discounted sum, below which its rest is left out
BLOCK_PERIODS = 4096
MOST_PERIODS = 1_000_000


@dataclass(frozen=True, slots=True)
class Renewals:
    """What became of contracts at each renewal, t = 1, 2, ..., each array of shape (periods,).

    Contracts may enter late (be first seen after t renewals) and leave unseen: both only change who was at risk.
    """

    at_risk: FloatArray  # contracts that came up for their t-th renewal and were watched
    renewed: FloatArray  # of these, contracts that were renewed

    def __post_init__(self) -> None:
        if self.at_risk.shape != self.renewed.shape or self.at_risk.ndim != 1:
            raise InvalidInput.of("renewed", "must have one count for each count of at_risk")
        wrong = ~((self.renewed >= 0) & (self.renewed <= self.at_risk) & np.isfinite(self.at_risk))
        if wrong.any():
            t = int(np.flatnonzero(wrong)[0])
            raise InvalidInput.of(
                f"renewed[{t}]",
                f"must be between 0 and the {self.at_risk[t]:g} at risk (renewal {t + 1}); got {self.renewed[t]:g}",
            )

    @classmethod
    def of_active(cls, active: FloatArray) -> "Renewals":
        """A cohort by how many were customers after 0, 1, 2, ... renewals, shape (periods + 1,).

        Raises:
            InvalidInput: fewer than two counts, or one that is greater than the count before it; all are named.
        """
        counts = np.asarray(active, dtype=np.float64)
        if len(counts) < 2:
            raise InvalidInput.of("active", "needs the number of customers at the start and after a renewal at least")
        found = [
            Violation(f"active[{t}]", f"{counts[t]:g} is not between 0 and the {counts[t - 1]:g} of the period before")
            for t in range(1, len(counts))
            if not 0 <= counts[t] <= counts[t - 1]
        ]
        if found:
            raise InvalidInput(*found)
        return cls(counts[:-1], counts[1:])

    def __add__(self, other: "Renewals") -> "Renewals":
        """Two cohorts as one, as if all had begun together."""
        periods = max(len(self.at_risk), len(other.at_risk))
        a, b = (np.zeros((2, periods)) for _ in range(2))
        for into, cohort in ((a, self), (b, other)):
            into[0, : len(cohort.at_risk)] = cohort.at_risk
            into[1, : len(cohort.at_risk)] = cohort.renewed
        return Renewals(*(a + b))

    def until(self, periods: int) -> "Renewals":
        """The first so many renewals alone."""
        return Renewals(self.at_risk[:periods], self.renewed[:periods])


def log_score(log_survival: LogSurvival, renewals: Renewals) -> FloatArray:
    """Log-likelihood of each renewal decision together, by period, shape (periods,) or (draws, periods).

    Summed over periods it is the log-likelihood of the contracts' lengths, the censored ones included.
    """
    log_kept = log_retention(log_survival, np.arange(1.0, len(renewals.at_risk) + 1.0))
    lost = renewals.at_risk - renewals.renewed
    with np.errstate(divide="ignore", invalid="ignore"):
        log_lost = np.log(-np.expm1(log_kept))
        return np.where(renewals.renewed > 0, renewals.renewed * log_kept, 0.0) + np.where(
            lost > 0, lost * log_lost, 0.0
        )


def log_retention(log_survival: LogSurvival, t: FloatArray) -> FloatArray:
    """log of r_t = S(t) / S(t - 1), the probability that a contract at its t-th renewal is renewed, t from 1."""
    return np.asarray(log_survival(t) - log_survival(t - 1.0))


def expected_periods(log_survival: LogSurvival, renewals: int, horizon: int) -> FloatArray:
    """Expected number of the next `horizon` renewals that a contract makes which has made `renewals`: sum of S ratios.

    Undiscounted and without end the sum may be infinite, which is why a horizon is asked for.

    Returns:
        A scalar or shape (draws,).
    """
    if horizon < 0 or renewals < 0:
        raise InvalidInput.of("horizon" if horizon < 0 else "renewals", "must be 0 or more")
    t = renewals + np.arange(1.0, horizon + 1.0)
    return np.asarray(np.exp(log_survival(t) - log_survival(np.array([float(renewals)]))).sum(axis=-1))


def discounted_periods(log_survival: LogSurvival, renewals: int, discount_rate: float) -> FloatArray:
    """Discounted expected residual lifetime: renewals still to come, the next one undiscounted.

    Of a contract that has made `renewals` and stands just before its next: sum over k >= 0 of
    S(renewals + 1 + k) / S(renewals) / (1 + d)^k. Times what a period earns, it is the contract's residual value.

    Args:
        log_survival: of the law.
        renewals: made so far, 0 or more.
        discount_rate: d per period, greater than 0: without discount the sum may be infinite.

    Returns:
        A scalar or shape (draws,), in periods; what is left out is below 1e-12 of it.

    Source: Fader, Hardie (2010), Customer-Base Valuation in a Contractual Setting, Marketing Science 29(1), eq. (5).
    """
    if not (discount_rate > 0 and np.isfinite(discount_rate)):
        raise InvalidInput.of("discount_rate", f"must be greater than 0 per period; got {discount_rate:g}")
    if renewals < 0:
        raise InvalidInput.of("renewals", "must be 0 or more")
    at = log_survival(np.array([float(renewals)]))
    total = np.zeros(at.shape[:-1])
    for first in range(0, MOST_PERIODS, BLOCK_PERIODS):
        k = np.arange(first, first + BLOCK_PERIODS, dtype=np.float64)
        terms = np.exp(log_survival(renewals + 1.0 + k) - at - k * np.log1p(discount_rate))
        total = total + terms.sum(axis=-1)
        # Survival only falls: the rest is at most the last term times a geometric series.
        if np.all(terms[..., -1] / discount_rate <= SMALLEST_PART * total):
            return np.asarray(total)
    raise InvalidInput.of("discount_rate", f"{discount_rate:g} per period is too small to sum over (is it a share?)")
