"""The share that still goes on, by age: product-limit estimates with delayed entry."""

from dataclasses import dataclass

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.evaluation.spells import Spells

_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A step function, 1 before the first time; each array has shape (times,)."""

    times: FloatArray  # distinct ages at which a spell ended, ascending
    at_risk: FloatArray  # spells watched at that age
    ends: FloatArray
    survival: FloatArray  # just after each time
    variance_of_log: FloatArray  # Greenwood's sum; infinite once survival is 0

    def at(self, ages: FloatArray) -> FloatArray:
        """S(age) = P(T > age), shape of `ages`."""
        return _step(self.times, self.survival, ages, 1.0)

    def interval_at(self, ages: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pointwise 95 % limits on the log(-log) scale; both equal S where it is 0 or 1."""
        survival, variance = self.at(ages), _step(self.times, self.variance_of_log, ages, 0.0)
        inside = (survival > 0) & (survival < 1)
        log_s = np.log(np.where(inside, survival, 0.5))
        reach = _NORMAL_975 * np.sqrt(np.where(inside, variance, 0.0)) / -log_s
        lower, upper = (np.where(inside, np.exp(log_s * np.exp(side * reach)), survival) for side in (1, -1))
        return lower, upper

    @property
    def median(self) -> float | None:
        """First age by which half have ended; None when fewer than half do while watched."""
        below = np.flatnonzero(self.survival <= 0.5)
        return float(self.times[below[0]]) if len(below) else None


def kaplan_meier(spells: Spells) -> SurvivalCurve:
    """The product-limit estimate; a spell is at risk at ages in (entry, exit].

    With delayed entry S(t) is P(T > t | T > the youngest age watched). Few spells watched at young ages make all of
    the curve after them uncertain: see `at_risk`.

    Raises:
        InvalidInput: there is no spell.

    Source: Kaplan, Meier (1958), JASA 53(282); delayed entry as in Klein, Moeschberger (2003), section 4.6; variance by
    Greenwood, their eq. (4.2.2).
    """
    if len(spells) == 0:
        raise InvalidInput.of("spells", "are none (give at least one)")
    times, ends = np.unique(spells.exit[spells.ended], return_counts=True)
    entered = np.searchsorted(np.sort(spells.entry), times, side="left")  # entry < t
    gone = np.searchsorted(np.sort(spells.exit), times, side="left")  # exit < t
    at_risk = (entered - gone).astype(np.float64)
    return _product_limit(times, at_risk, ends.astype(np.float64))


def still_watched(spells: Spells) -> SurvivalCurve:
    """P(C > t) of the time C at which watching stops, on the clock since entry.

    Of an end and a stop at the same time the end came first, so that those who ended are not at risk of stopping then.
    """
    clock = spells.since_entry()
    times, stops = np.unique(clock.exit[~clock.ended], return_counts=True)
    at_risk = len(clock) - np.searchsorted(np.sort(clock.exit), times, side="left")
    ended_then = np.searchsorted(np.sort(clock.exit[clock.ended]), times, side="right") - np.searchsorted(
        np.sort(clock.exit[clock.ended]), times, side="left"
    )
    return _product_limit(times, (at_risk - ended_then).astype(np.float64), stops.astype(np.float64))


def _product_limit(times: FloatArray, at_risk: FloatArray, ends: FloatArray) -> SurvivalCurve:
    left = at_risk - ends
    with np.errstate(divide="ignore"):
        variance = np.cumsum(ends / (at_risk * left))
    survival = np.cumprod(left / at_risk, dtype=np.float64)
    return SurvivalCurve(times, at_risk, ends, survival, variance)


def _step(times: FloatArray, values: FloatArray, ages: FloatArray, before: float) -> FloatArray:
    return np.append(before, values)[np.searchsorted(times, ages, side="right")]
