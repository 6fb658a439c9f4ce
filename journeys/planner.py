"""Beam search for journeys, batched over customers x beam: state is kept, masks come before the choice."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from journeys.about import About
from journeys.beam import Beams, Candidates, Prices, Rules, go_on, open_words
from journeys.constraints import Compiled
from journeys.scorer import FloatArray, IntArray, JourneyModel, Standing

BEAM_WIDTH = 5
EXACT_WIDTH = 256
"""Where no position has more partial plans than this, all are kept, so that the search is exact."""


class Batch(NamedTuple):
    """n requests as arrays; L is the longest plan that any of them may have."""

    rules: Rules
    caps: IntArray  # (n, C)
    matching: IntArray  # (n, L)
    prices: Prices
    standing: Standing
    before_plan: FloatArray  # (n, 2) hours since the last touch, now and at the first planned one; NaN without one


class Found(NamedTuple):
    """The best plan of each of n customers."""

    path: IntArray  # (n, L) channels, -1 beyond the plan
    logit: FloatArray  # (n, L) uncalibrated
    value: FloatArray  # (n,) expected value
    converted: FloatArray  # (n,) probability that the history's last touch converts before the first planned one
    without: FloatArray  # (n,) probability of a conversion without a further touch
    exact: NDArray[np.bool_]  # (n,) no partial plan was left aside


def search(model: JourneyModel[Any], batch: Batch, width: int = BEAM_WIDTH) -> Found:
    """The plans of highest expected value that a beam of that width finds.

    Expected value is [P(conversion | plan) - P(conversion | no further touch)] x margin - expected cost, where
    P(conversion | plan) = 1 - (1 - r) prod(1 - hazard), and r is what the last touch of the history may still convert
    before the first planned one. Partial plans are ranked by the same figure, at equal lengths; the best plan of any
    permitted length is kept, the shortest of equals.
    """
    memory, last_logit = model.start(batch.standing)
    converted, without = _open_windows(model.about, last_logit, batch.before_plan)
    n, L = batch.rules.allowed.shape
    C = batch.caps.shape[1]
    found = Found(
        path=np.full((n, L), -1),
        logit=np.full((n, L), np.nan),
        value=np.where(batch.rules.needed == 0, 0.0, -np.inf),  # of no touch at all, for those who may have none
        converted=converted,
        without=without,
        exact=np.ones(n, np.bool_),
    )
    beams = _begin(batch, converted)
    for position in range(L):
        words = open_words(batch.rules, beams, position)
        if not words.any():
            break
        logit = model.candidate_logits(memory, batch.standing, position, words)
        candidates = Candidates(position, words, model.about.calibration.probability(logit), logit)
        after = Beams.empty(n, min(width, words.shape[1] * C), C, L)
        parent, left_aside = go_on(batch.rules, batch.prices, beams, candidates, after)
        found.exact[left_aside] = False
        beams = after
        _keep_best(found, beams, without * batch.prices.margin, batch.rules.needed <= position + 1)
        if position + 1 < L:
            memory = model.advance(memory, parent, np.ascontiguousarray(beams.path[:, :, position]))
    return found


def full_width(compiled: Compiled) -> int | None:
    """Partial plans at the widest position when none is left aside; None above EXACT_WIDTH."""
    widest = plans = 1
    for choices in np.bitwise_count(compiled.allowed).tolist():
        plans *= choices
        widest = max(widest, plans)
        if widest > EXACT_WIDTH:
            return None
    return widest


def _begin(batch: Batch, converted: FloatArray) -> Beams:
    """One plan without a touch for each customer."""
    n, L = batch.rules.allowed.shape
    beams = Beams.empty(n, 1, batch.caps.shape[1], L)
    beams.alive[:] = True
    beams.left[:, 0] = batch.caps
    beams.matching[:, 0] = batch.matching
    beams.survival[:, 0] = 1 - converted
    beams.value[:, 0] = converted * batch.prices.margin
    return beams


def _keep_best(found: Found, beams: Beams, baseline: FloatArray, long_enough: NDArray[np.bool_]) -> None:
    """Puts the best plan of this length, the first, where it exceeds the best of the shorter ones."""
    value = beams.value[:, 0] - baseline
    better = beams.alive[:, 0] & long_enough & (value > found.value)
    found.path[better] = beams.path[better, 0]
    found.logit[better] = beams.logit[better, 0]
    found.value[better] = value[better]


def _open_windows(about: About, last_logit: FloatArray, before_plan: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability that the last touch still converts before the first planned one, and ever, given not yet by now."""
    hazard = np.where(np.isnan(last_logit), 0.0, about.calibration.probability(np.nan_to_num(last_logit)))
    now, at_plan = (about.timing.share_converted(hours) for hours in np.nan_to_num(before_plan, nan=np.inf).T)
    at_risk = 1 - hazard * now
    return hazard * (at_plan - now) / at_risk, hazard * (1 - now) / at_risk
