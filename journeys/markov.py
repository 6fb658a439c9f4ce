"""First-order absorbing Markov chain of touches: what comes next depends on the last channel and on nothing else.

States are the channels; a conversion and "no further touch within the window" absorb. Anderl, Becker, von Wangenheim,
Schumann (2016), International Journal of Research in Marketing 33, section 3.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from farview.evaluation.journey_splits import Observed
from farview.features.journey_context import ContextEncoding
from farview.features.steps import Steps
from journeys.about import About, Evidence, Fitted, Training
from journeys.artifact import pack, unpacked
from journeys.calibration import Calibrated, calibrate_on
from journeys.cautious import with_caution
from journeys.inputs import ROUNDING
from journeys.rates import smoothed_rates
from journeys.scorer import CodeArray, Float32Array, FloatArray, IntArray, Standing, last_of_each
from journeys.slices import Slices, slices
from journeys.support import Support
from journeys.weighting import READS


@dataclass(frozen=True, slots=True, eq=False)
class MarkovModel:
    """Hazard after each of C channels, and which touch follows given no conversion. Code C is an unknown channel."""

    hazard_logit: FloatArray  # (C + 1,)
    next_touch: FloatArray  # (C + 1, C + 1) probabilities; the last column: none within the window
    about: About
    name: ClassVar[str] = "markov"

    def logits(self, steps: Steps, _context: Float32Array) -> FloatArray:
        """Logit of every step's hazard before calibration, shape (steps,)."""
        return self.hazard_logit[steps.channel]

    def next_touches(self, steps: Steps, _context: Float32Array) -> FloatArray:
        """Probability of each channel next, or none, given no conversion, shape (steps, C + 1)."""
        return self.next_touch[steps.channel]

    def start(self, standing: Standing) -> tuple[CodeArray, FloatArray]:
        """See StepScorer. A chain remembers the last channel only."""
        histories = standing.histories
        last = last_of_each(histories, histories.channel)
        known = ~np.isnan(last)
        code = np.where(known, last, -1).astype(np.int32)
        return code[:, None], np.where(known, self.hazard_logit[code], np.nan)

    def candidate_logits(
        self,
        _memory: CodeArray,
        _standing: Standing,
        _position: int,
        allowed: NDArray[np.uint64],
    ) -> Float32Array:
        """See StepScorer."""
        C = len(self.hazard_logit) - 1
        return np.tile(self.hazard_logit[:C].astype(np.float32), (*allowed.shape, 1))

    def hazard_ceiling(self, standing: Standing) -> FloatArray:
        """See StepScorer."""
        return np.tile(self.hazard_logit[:-1] + ROUNDING, (*standing.planned_state.shape[:2], 1))

    def advance(self, _memory: CodeArray, _parent: IntArray, channel: IntArray) -> CodeArray:
        """See StepScorer."""
        return channel.astype(np.int32)

    def to_artifact(self) -> bytes:
        """Bytes that `from_artifact` turns back into an equal model."""
        arrays = {"hazard_logit": self.hazard_logit, "next_touch": self.next_touch}
        return pack(self.name, arrays, self.about.as_data())

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact.
        """
        with unpacked(artifact, cls.name) as (arrays, about):
            return cls(arrays["hazard_logit"], arrays["next_touch"], About.from_data(about))


def train_markov(steps: Steps, until_us: int | None = None, evidence: Evidence = "observational") -> MarkovModel:
    """A calibrated chain of the steps before an instant (default: the log's end), outcomes included."""
    until_us = until_us or steps.limits.until_us
    cut = slices(steps, until_us, evidence, READS[MarkovModel.name])
    seen, C = cut.fit, len(steps.vocabulary.channels)
    rates = smoothed_rates(steps.channel[seen.rows], steps.converted[seen.rows], seen.weight, C + 1)
    hazard_logit = np.asarray(logit(rates))
    calibrated = calibrate_on(hazard_logit[steps.channel], steps.converted, cut.validation)
    about = counted(steps, cut, calibrated, until_us, evidence)
    model = MarkovModel(hazard_logit, _next_touches(steps, cut.fit), about)
    return with_caution(model, steps, about.context.encode(None, steps.customer_ids), cut.validation)


def counted(steps: Steps, cut: Slices, calibrated: Calibrated, until_us: int, evidence: Evidence) -> About:
    """What a model carries that is counted, not trained, and knows no attribute."""
    training = Training(
        customers=len(steps.customer_ids),
        steps=len(cut.fit.rows),
        conversions=int(steps.converted[cut.fit.rows].sum()),
        epochs=0,
        validation_log_loss=calibrated.loss,
        seed=0,
    )
    fitted = Fitted(calibrated.calibration, training, Support.learn(steps, cut.fit))
    return About.of(steps, until_us, ContextEncoding(), evidence, fitted)


def _next_touches(steps: Steps, seen: Observed) -> FloatArray:
    """Next channel, or none, after each channel given no conversion, shape (C + 1, C + 1), rows sum to 1."""
    C = len(steps.vocabulary.channels)
    counts = following_counts(steps, seen, steps.channel, C + 1)
    overall = (counts.sum(axis=0) + 1.0) / (counts.sum() + C + 1)
    return drawn_to(counts, overall)


def following_counts(steps: Steps, seen: Observed, group: NDArray[np.integer], groups: int) -> FloatArray:
    """How often each channel, or none, followed a step that did not convert, by its group, shape (groups, C + 1)."""
    C = len(steps.vocabulary.channels)
    chosen = ~steps.converted[seen.rows] & (steps.next_channel[seen.rows] != C)  # C: an unknown channel
    rows, weight = seen.rows[chosen], seen.weight[chosen]
    following = np.where(steps.next_channel[rows] < 0, C, steps.next_channel[rows])
    counts = np.zeros((groups, C + 1))
    np.add.at(counts, (group[rows], following), weight)
    return counts


def drawn_to(counts: FloatArray, prior: FloatArray) -> FloatArray:
    """Shares of each row's counts, drawn to the prior's as if it had been seen once for every outcome."""
    smoothed = counts + prior * counts.shape[1]
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))
