"""Weights by which a log whose policy told the chances of its choices reads as if channels had been drawn by lot.

Who was touched by what may depend on what the log does not show, and that on conversions too. Where the chance of every
choice was logged, a touch is weighted by

    w = p(c | channel before) / e,   e the logged chance, p the log's own share of c after that channel,

multiplied along the journey, because earlier channels tell of the hidden cause too. Among weighted touches the channel
then depends on nothing but the channel before: a marginal structural model with stabilised weights (Robins, Hernan,
Brumback, 2000, Epidemiology 11, 550-560), cut off as in Cole, Hernan (2008), American Journal of Epidemiology 168.
"""

from dataclasses import replace

import numpy as np

from farview.evaluation.journey_splits import Observed
from farview.features.steps import Steps
from journeys.about import Evidence
from journeys.inputs import FloatArray
from journeys.support import channels_before

MOST = 10.0
_SAME = 1e-6  # between chances of a channel that was drawn by lot


def evidence_of(steps: Steps) -> Evidence:
    """What the steps can prove about the effect of a touch: were all chances logged, and were they always the same?"""
    chance, channel = steps.propensity, steps.channel
    if len(steps) == 0 or np.isnan(chance).any():
        return "observational"
    spread = [np.ptp(chance[channel == code]) for code in np.unique(channel)]
    return "randomised" if max(spread) <= _SAME else "propensity-weighted"


def stabilised(steps: Steps) -> FloatArray:
    """Weight of every step, (steps,), mean about 1; a touch whose chance was not logged adds nothing to it."""
    none = len(steps.vocabulary.channels) + 1
    before = channels_before(steps)
    counts = np.zeros((none + 1, none))
    np.add.at(counts, (before, steps.channel), 1.0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    own = np.log(np.nan_to_num(share[before, steps.channel] / steps.propensity, nan=1.0))
    summed = np.concatenate([[0.0], np.cumsum(own)])
    begins = np.repeat(steps.offsets[:-1], np.diff(steps.offsets))
    return np.minimum(np.exp(summed[1:] - summed[begins]), MOST)


def weighted(seen: Observed, steps: Steps, evidence: Evidence) -> Observed:
    """The steps seen, by the weights as well where the evidence is by them.

    Weights are scaled to the number of equal ones that would tell as much, (sum w)^2 / sum w^2 (Kish, 1965, Survey
    Sampling, section 11.7): rates that are drawn to others by their counts, and the caution, take them for counts.
    """
    if evidence != "propensity-weighted" or len(seen.rows) == 0:
        return seen
    own = stabilised(steps)[seen.rows]
    return replace(seen, weight=seen.weight * own * (own.sum() / np.square(own).sum()))
