"""Weights by which a log whose policy told the chances of its choices reads as if channels had been drawn by lot.

Who was touched by what may depend on what the log does not show, and that on conversions too. Where the chance of every
choice was logged, a touch is weighted by

    w = p(c | channel before) / e,   e the logged chance, p the log's own share of c after that channel,

multiplied over the touches that a model reads, because earlier channels tell of the hidden cause too: a network reads
the whole journey, a chain the last touch or two. Those before them it does not see, so they need no weight, and
every weight that is left out leaves more of the log to count. The oldest touch read is weighted by the share of its
channel alone, or by what stood before it the pair would tell of the cause again. Among weighted touches the channels
read depend on nothing else: a marginal structural model with stabilised weights (Robins, Hernan, Brumback, 2000,
Epidemiology 11, 550-560), cut off as in Cole, Hernan (2008), American Journal of Epidemiology 168.
"""

from dataclasses import replace

import numpy as np

from farview.evaluation.journey_splits import Observed
from farview.features.steps import Steps
from journeys.about import Evidence
from journeys.inputs import FloatArray
from journeys.support import channels_before

MOST = 10.0
READS = {"markov": 1, "markov2": 2}
"""Touches that a kind of model reads; others read the whole journey."""
_SAME = 1e-6  # between chances of a channel that was drawn by lot


def evidence_of(steps: Steps) -> Evidence:
    """What the steps can prove about the effect of a touch: were all chances logged, and were they always the same?"""
    chance, channel = steps.propensity, steps.channel
    if len(steps) == 0 or np.isnan(chance).any():
        return "observational"
    spread = [np.ptp(chance[channel == code]) for code in np.unique(channel)]
    return "randomised" if max(spread) <= _SAME else "propensity-weighted"


def stabilised(steps: Steps, reads: int | None = None) -> FloatArray:
    """Weight of every step, (steps,), mean about 1; a touch whose chance was not logged adds nothing to it.

    Args:
        steps: of the log.
        reads: how many touches, the step's own included, a model reads; None for all of the journey.
    """
    none = len(steps.vocabulary.channels) + 1
    before = channels_before(steps)
    counts = np.zeros((none + 1, none))
    np.add.at(counts, (before, steps.channel), 1.0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    given = np.nan_to_num(share[before, steps.channel] / steps.propensity, nan=1.0)
    if reads is None:
        summed = np.concatenate([[0.0], np.cumsum(np.log(given))])
        begins = np.repeat(steps.offsets[:-1], np.diff(steps.offsets))
        return np.minimum(np.exp(summed[1:] - summed[begins]), MOST)
    alone = np.nan_to_num((counts.sum(axis=0) / max(len(steps), 1))[steps.channel] / steps.propensity, nan=1.0)
    weight, index = np.ones(len(steps)), steps.index
    for back in range(reads):
        rows = np.flatnonzero(index > back)
        weight[rows] *= (alone if back == reads - 1 else given)[rows - back]
    return np.minimum(weight, MOST)


def weighted(seen: Observed, steps: Steps, evidence: Evidence, reads: int | None = None) -> Observed:
    """The steps seen, by the weights of a model that reads so many touches as well, where the evidence is by them.

    Weights are scaled to the number of equal ones that would tell as much, (sum w)^2 / sum w^2 (Kish, 1965, Survey
    Sampling, section 11.7): rates that are drawn to others by their counts, and the caution, take them for counts.
    """
    if evidence != "propensity-weighted" or len(seen.rows) == 0:
        return seen
    own = stabilised(steps, reads)[seen.rows]
    return replace(seen, weight=seen.weight * own * (own.sum() / np.square(own).sum()))
