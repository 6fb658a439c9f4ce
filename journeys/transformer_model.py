"""The Transformer as it is stored and served: arrays and their provenance, no torch."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from farview.features.steps import Steps
from journeys import transformer_step
from journeys.about import About
from journeys.artifact import pack, unpacked
from journeys.inputs import NextTouch, all_histories, direct_ceiling
from journeys.rates import softmax
from journeys.scorer import Float32Array, FloatArray, IntArray, Standing, last_of_each
from journeys.transformer_step import Memory, TransformerWeights


@dataclass(frozen=True, slots=True, eq=False)
class TransformerModel:
    """A trained JourneyTransformer."""

    weights: TransformerWeights
    about: About
    name: ClassVar[str] = "transformer"

    def logits(self, steps: Steps, context: Float32Array) -> Float32Array:
        """Logit of every step's hazard before calibration, shape (steps,)."""
        return transformer_step.hazard_logits(self.weights, steps, context)

    def next_touches(self, steps: Steps, context: Float32Array) -> FloatArray:
        """Probability of each channel next, or none, given no conversion, shape (steps, C + 1)."""
        return softmax(transformer_step.read(self.weights, all_histories(steps, context))[2])

    def start(self, standing: Standing) -> tuple[Memory, FloatArray]:
        """See StepScorer."""
        memory, logits, _ = transformer_step.read(
            self.weights, standing.histories, planned=standing.planned_state.shape[1]
        )
        return memory, last_of_each(standing.histories, logits)

    def candidate_logits(
        self, memory: Memory, standing: Standing, position: int, allowed: NDArray[np.uint64]
    ) -> Float32Array:
        """See StepScorer."""
        state = np.ascontiguousarray(standing.planned_state[:, position])
        return transformer_step.candidates(self.weights, memory, NextTouch(state, standing.histories.context, allowed))

    def hazard_ceiling(self, standing: Standing) -> FloatArray:
        """See StepScorer. What is normalised has at most the length of the root of its width."""
        factor, shift = self.weights.norm
        hazard = self.weights.hazard.astype(np.float64)
        most = np.linalg.norm(hazard * factor) * np.sqrt(len(hazard)) + hazard @ shift
        return direct_ceiling(self.weights, standing.planned_state, standing.histories.context) + most

    def advance(self, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
        """See StepScorer."""
        return transformer_step.advance(self.weights, memory, parent, channel)

    def to_artifact(self) -> bytes:
        """Bytes that `from_artifact` turns back into an equal model."""
        return pack(self.name, self.weights._asdict(), self.about.as_data())

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact.
        """
        with unpacked(artifact, cls.name) as (arrays, about):
            return cls(TransformerWeights(**arrays), About.from_data(about))
