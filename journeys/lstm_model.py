"""The LSTM as it is stored and served: arrays and their provenance, no torch."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import ArtifactMismatch
from farview.features.steps import Steps
from journeys import lstm_step
from journeys.about import About
from journeys.artifact import pack, unpack
from journeys.lstm_step import LstmWeights, Memory, NextTouch
from journeys.scorer import Float32Array, FloatArray, IntArray, Standing


@dataclass(frozen=True, slots=True, eq=False)
class LstmModel:
    """A trained JourneyLstm."""

    weights: LstmWeights
    about: About
    name: ClassVar[str] = "lstm"

    def logits(self, steps: Steps, context: Float32Array) -> Float32Array:
        """Logit of every step's hazard before calibration, shape (steps,)."""
        return lstm_step.hazard_logits(self.weights, steps, context)

    def next_touches(self, steps: Steps, context: Float32Array) -> FloatArray:
        """Probability of each channel next, or none, given no conversion, shape (steps, C + 1)."""
        scores = lstm_step.read(self.weights, lstm_step.all_histories(steps, context))[2].astype(np.float64)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def start(self, standing: Standing) -> tuple[Memory, FloatArray]:
        """See StepScorer."""
        histories = standing.histories
        memory, logits, _ = lstm_step.read(self.weights, histories)
        touched = histories.ends > histories.starts
        last = np.full(len(touched), np.nan)
        last[touched] = logits[histories.ends[touched] - 1]
        return memory, last

    def candidate_logits(
        self, memory: Memory, standing: Standing, position: int, allowed: NDArray[np.uint64]
    ) -> Float32Array:
        """See StepScorer."""
        state = np.ascontiguousarray(standing.planned_state[:, position])
        return lstm_step.candidates(self.weights, memory, NextTouch(state, standing.histories.context, allowed))

    def advance(self, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
        """See StepScorer."""
        return lstm_step.advance(self.weights, memory, parent, channel)

    def to_artifact(self) -> bytes:
        """Bytes that `from_artifact` turns back into an equal model."""
        return pack(self.name, self.weights._asdict(), self.about.as_data())

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact.
        """
        name, arrays, about = unpack(artifact)
        if name != cls.name:
            raise ArtifactMismatch(f"the artifact holds a {name!r} model, not {cls.name!r}")
        try:
            return cls(LstmWeights(**arrays), About.from_data(about))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactMismatch(f"the artifact lacks a part of an {cls.name} model ({error})") from None
