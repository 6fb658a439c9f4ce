"""How good forecasts of survival are when watching stops before everything has ended: IPCW Brier score, concordance.

The clock is the time since entry: a forecast is P(it goes on beyond horizon h | it went on at entry), so that plain
follow-up (entry 0) and delayed entry are judged alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.evaluation.kaplan_meier import SurvivalCurve, still_watched
from farview.evaluation.spells import BoolArray, Spells


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known at a horizon; each array has shape (spells,)."""

    ended: BoolArray  # by the horizon
    weight: FloatArray  # inverse probability of being known; 0 where watching stopped before the horizon


def outcome_at(spells: Spells, horizon: float, watched: SurvivalCurve | None = None) -> Outcome:
    """Who had ended by a horizon, and how much each known answer counts for those that are not known.

    An end at T is known with probability P(C >= T), going on at h with P(C >= h), C being when watching stops: an end
    at the very time of a stop is seen.

    Args:
        spells: judged on the clock since entry.
        horizon: above 0, in the spells' unit.
        watched: of `still_watched`; default: that of these spells.

    Raises:
        InvalidInput: no spell is watched up to the horizon.

    Source: Graf et al. (1999), Statistics in Medicine 18, eq. (4); the weights of Gerds, Schumacher (2006).
    """
    clock = spells.since_entry()
    ended, known = clock.ended & (clock.exit <= horizon), clock.exit >= horizon
    if not (known & ~ended).any() and not ended.all():
        raise InvalidInput.of("horizon", f"{horizon:g} is longer than anything was watched (take a shorter one)")
    curve = watched or still_watched(spells)
    before = np.append(1.0, curve.survival)[np.searchsorted(curve.times, np.minimum(clock.exit, horizon), side="left")]
    weight = np.divide(1.0, before, out=np.zeros(len(clock)), where=(ended | known) & (before > 0))
    return Outcome(ended, weight)


def brier(goes_on: FloatArray, outcome: Outcome) -> float:
    """Mean squared error of P(goes on), shape (spells,), weighted for those whose outcome is not known."""
    return float((outcome.weight * (goes_on - ~outcome.ended) ** 2).mean())


def integrated(scores: Sequence[float], horizons: Sequence[float]) -> float:
    """Mean over the horizons' span of a score, by the trapezoidal rule; the score itself of one horizon."""
    if len(horizons) == 1:
        return scores[0]
    return float(np.trapezoid(scores, horizons) / (horizons[-1] - horizons[0]))


def concordance(risk: FloatArray, spells: Spells, *, chunk: int = 512) -> float | None:
    """Harrell's C: of an end and a spell watched beyond it at the same age, how often the end had the higher risk.

    Args:
        risk: any score that is higher where an end is sooner, shape (spells,); equal risks count half.
        spells: pairs are made within the risk set, so that delayed entry is heeded.
        chunk: ends compared at a time, which bounds memory.

    Returns:
        0 to 1, .5 for a constant risk; None without a pair.

    Source: Harrell, Lee, Mark (1996), Statistics in Medicine 15, section 5.5.
    """
    pairs = won = 0.0
    for first in range(0, int(spells.ended.sum()), chunk):
        row = np.flatnonzero(spells.ended)[first : first + chunk, None]
        age = spells.exit[row]
        later = (spells.exit > age) | ((spells.exit == age) & ~spells.ended)
        comparable = later & (spells.entry < age)
        pairs += comparable.sum()
        won += (comparable & (risk[row] > risk)).sum() + 0.5 * (comparable & (risk[row] == risk)).sum()
    return float(won / pairs) if pairs else None
