"""Beam search for journeys, batched over customers x beam: state is kept, masks come before the choice."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from journeys.about import About
from journeys.beam import Beams, Candidates, Prices, Rules, go_on, open_words
from journeys.cautious import Cautious
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
    worth: FloatArray  # (n,) of a conversion, at least 0
    cost: FloatArray  # (n, C) of a touch that is sent, its length cost included
    standing: Standing
    before_plan: FloatArray  # (n, 2) hours since the last touch, now and at the first planned one; NaN without one


class Found(NamedTuple):
    """The N best plans of each of n customers, best first."""

    path: IntArray  # (n, N, L) channels, -1 beyond the plan
    logit: FloatArray  # (n, N, L) uncalibrated
    value: FloatArray  # (n, N) expected value less length costs; minus infinity where there are fewer plans
    converted: FloatArray  # (n,) probability that the history's last touch converts before the first planned one
    without: FloatArray  # (n,) probability of a conversion without a further touch
    aside: FloatArray  # (n,) what no plan that is not named here exceeds; minus infinity where all were looked at


def search(model: JourneyModel[Any], batch: Batch, width: int = BEAM_WIDTH, best: int = 1) -> Found:
    """The plans of highest expected value that a beam of that width finds.

    Expected value is [P(conversion | plan) - P(conversion | no further touch)] x worth - expected cost, where
    P(conversion | plan) = 1 - (1 - r) prod(1 - hazard), and r is what the last touch of the history may still convert
    before the first planned one. Partial plans are ranked by the same figure, at equal lengths; the best plans of any
    permitted length are kept, the shortest first of equals.

    Args:
        model: of the hazards, which are lowered where its log has little to say.
        batch: the requests.
        width: partial plans kept at each position.
        best: N, how many plans are asked for.
    """
    scorer = Cautious.of(model)
    memory, last_logit = scorer.start(batch.standing)
    converted, without = open_windows(model.about, last_logit, batch.before_plan)
    n, L = batch.rules.allowed.shape
    C = batch.caps.shape[1]
    baseline = without * batch.worth
    found = Found(
        path=np.full((n, best, L), -1),
        logit=np.full((n, best, L), np.nan),
        value=np.full((n, best), -np.inf),
        converted=converted,
        without=without,
        aside=np.full(n, -np.inf),
    )
    found.value[batch.rules.needed == 0, 0] = 0.0  # of no touch at all, for those who may have none
    prices = Prices(batch.worth, batch.cost, most_ahead(scorer, batch))
    beams = begin(batch, converted)
    for position in range(L):
        words = open_words(batch.rules, beams, position)
        if not words.any():
            break
        logit = scorer.candidate_logits(memory, batch.standing, position, words)
        candidates = Candidates(position, words, model.about.calibration.probability(logit), logit)
        after = Beams.empty(n, min(width, words.shape[1] * C), C, L)
        limits = (found.value[:, -1] + baseline, found.aside)
        parent = go_on(batch.rules, prices, beams, candidates, after, limits)
        beams = after
        found = _keep_best(found, beams, baseline, batch.rules.needed <= position + 1)
        if position + 1 < L:
            memory = scorer.advance(memory, parent, np.ascontiguousarray(beams.path[:, :, position]))
    return found._replace(aside=found.aside - baseline)


def most_ahead(model: Cautious, batch: Batch) -> FloatArray:
    """Most that any touches from a position on may add to a plan's value, given no conversion before, (n, L + 1).

    U_k = max(0, max over permitted c of  h_c worth - cost_c + (1 - h_c) U_k+1),  h_c the highest hazard that the model
    can give channel c at position k after whatever came before. The bracket grows with h_c because U never exceeds what
    a conversion is worth, so no plan has more: the bound is admissible.
    """
    hazard = model.about.calibration.probability(model.hazard_ceiling(batch.standing))  # (n, L, C)
    n, L, C = hazard.shape
    permitted = (batch.rules.allowed[:, :, None] >> np.arange(C, dtype=np.uint64)) & np.uint64(1) != 0
    ahead = np.zeros((n, L + 1))
    for position in reversed(range(L)):
        h = hazard[:, position]
        gain = h * batch.worth[:, None] - batch.cost + (1 - h) * ahead[:, position + 1, None]
        ahead[:, position] = np.where(permitted[:, position], gain, 0.0).max(axis=1, initial=0.0)
    return ahead


def full_width(compiled: Compiled, most: int = EXACT_WIDTH) -> int | None:
    """Partial plans at the widest position when none is left aside; None above `most`."""
    widest = plans = 1
    for choices in np.bitwise_count(compiled.allowed).tolist():
        plans *= choices
        widest = max(widest, plans)
        if widest > most:
            return None
    return widest


def begin(batch: Batch, converted: FloatArray) -> Beams:
    """One plan without a touch for each customer."""
    n, L = batch.rules.allowed.shape
    beams = Beams.empty(n, 1, batch.caps.shape[1], L)
    beams.alive[:] = True
    beams.left[:, 0] = batch.caps
    beams.matching[:, 0] = batch.matching
    beams.survival[:, 0] = 1 - converted
    beams.value[:, 0] = converted * batch.worth
    return beams


def _keep_best(found: Found, beams: Beams, baseline: FloatArray, long_enough: NDArray[np.bool_]) -> Found:
    """The best of what was found and the plans of this length, of equals those found before."""
    value = np.where(beams.alive & long_enough[:, None], beams.value - baseline[:, None], -np.inf)
    best = found.value.shape[1]
    both = np.concatenate([found.value, value], axis=1)
    order = np.argsort(-both, axis=1, kind="stable")[:, :best]
    path, logit = (
        np.take_along_axis(np.concatenate([old, new], axis=1), order[:, :, None], axis=1)
        for old, new in ((found.path, beams.path), (found.logit, beams.logit))
    )
    return found._replace(path=path, logit=logit, value=np.take_along_axis(both, order, axis=1))


def open_windows(about: About, last_logit: FloatArray, before_plan: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability that the last touch still converts before the first planned one, and ever, given not yet by now."""
    hazard = np.where(np.isnan(last_logit), 0.0, about.calibration.probability(np.nan_to_num(last_logit)))
    now, at_plan = (about.timing.share_converted(hours) for hours in np.nan_to_num(before_plan, nan=np.inf).T)
    at_risk = 1 - hazard * now
    return hazard * (at_plan - now) / at_risk, hazard * (1 - now) / at_risk
