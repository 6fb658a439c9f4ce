"""Second-order absorbing Markov chain of touches: what comes next depends on the last two channels.

Pairs are many and conversions few, so every pair's rate is drawn to that of its last channel alone, as far as its
counts leave it uncertain: an interpolation of the orders 2, 1 and 0 (higher orders: Anderl et al., 2016, section 3.3).
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from farview.features.steps import Steps
from journeys.about import About, Evidence
from journeys.artifact import pack, unpacked
from journeys.calibration import calibrate_on
from journeys.cautious import with_caution
from journeys.inputs import ROUNDING
from journeys.markov import counted, drawn_to, following_counts, train_markov
from journeys.rates import smoothed_rates
from journeys.scorer import CodeArray, Float32Array, FloatArray, IntArray, Standing, last_of_each
from journeys.slices import slices
from journeys.support import channels_before
from journeys.weighting import READS


@dataclass(frozen=True, slots=True, eq=False)
class SecondOrderModel:
    """Hazard and next touch after each pair of channels. Code C is an unknown channel, row C + 1 none before."""

    hazard_logit: FloatArray  # (C + 2, C + 1) channel before, channel
    next_touch: FloatArray  # (C + 2, C + 1, C + 1) probabilities; the last: none within the window
    about: About
    name: ClassVar[str] = "markov2"

    def logits(self, steps: Steps, _context: Float32Array) -> FloatArray:
        """Logit of every step's hazard before calibration, shape (steps,)."""
        return self.hazard_logit[channels_before(steps), steps.channel]

    def next_touches(self, steps: Steps, _context: Float32Array) -> FloatArray:
        """Probability of each channel next, or none, given no conversion, shape (steps, C + 1)."""
        return self.next_touch[channels_before(steps), steps.channel]

    def start(self, standing: Standing) -> tuple[CodeArray, FloatArray]:
        """See StepScorer. The chain remembers the last channel; the one before it told of that touch alone."""
        histories = standing.histories
        last, none = last_of_each(histories, histories.channel), len(self.hazard_logit) - 1
        earlier = np.maximum(histories.ends - 2, 0)
        before = np.where(histories.ends - histories.starts > 1, np.append(histories.channel, 0)[earlier], none)
        known = ~np.isnan(last)
        code = np.where(known, last, none).astype(np.int32)
        hazard = self.hazard_logit[before, np.minimum(code, none - 1)]
        return code[:, None], np.where(known, hazard, np.nan)

    def candidate_logits(
        self, memory: CodeArray, _standing: Standing, _position: int, _allowed: NDArray[np.uint64]
    ) -> Float32Array:
        """See StepScorer."""
        return self.hazard_logit[memory, :-1].astype(np.float32)

    def hazard_ceiling(self, standing: Standing) -> FloatArray:
        """See StepScorer."""
        return np.tile(self.hazard_logit[:, :-1].max(axis=0) + ROUNDING, (*standing.planned_state.shape[:2], 1))

    def advance(self, _memory: CodeArray, _parent: IntArray, channel: IntArray) -> CodeArray:
        """See StepScorer."""
        return np.maximum(channel, 0).astype(np.int32)

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


def train_markov2(steps: Steps, until_us: int | None = None, evidence: Evidence = "observational") -> SecondOrderModel:
    """A calibrated chain of the steps before an instant (default: the log's end), outcomes included."""
    until_us = until_us or steps.limits.until_us
    cut = slices(steps, until_us, evidence, READS[SecondOrderModel.name])
    first = train_markov(steps, until_us, evidence)
    seen, C = cut.fit, len(steps.vocabulary.channels)
    pair = channels_before(steps) * (C + 1) + steps.channel
    pairs = (C + 2) * (C + 1)
    around = np.tile(expit(first.hazard_logit), C + 2)
    rates = smoothed_rates(pair[seen.rows], steps.converted[seen.rows], seen.weight, pairs, around)
    counts = following_counts(steps, seen, pair, pairs)
    next_touch = drawn_to(counts, np.tile(first.next_touch, (C + 2, 1)))
    hazard_logit = np.asarray(logit(rates))
    calibrated = calibrate_on(hazard_logit[pair], steps.converted, cut.validation)
    about = counted(steps, cut, calibrated, until_us, evidence)
    model = SecondOrderModel(hazard_logit.reshape(C + 2, C + 1), next_touch.reshape(C + 2, C + 1, C + 1), about)
    return with_caution(model, steps, about.context.encode(None, steps.customer_ids), cut.validation)
