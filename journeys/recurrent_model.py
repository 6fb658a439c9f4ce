"""Recurrent networks as they are stored and served: arrays and their provenance, no torch."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from farview.features.steps import Steps
from journeys import recurrent_step
from journeys.about import About
from journeys.artifact import pack, unpacked
from journeys.inputs import NextTouch, all_histories, direct_ceiling
from journeys.rates import softmax
from journeys.recurrent_cells import GruWeights, LstmWeights, Weights
from journeys.recurrent_step import Memory
from journeys.scorer import Float32Array, FloatArray, IntArray, Standing, last_of_each


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentModel:
    """A trained network; its subclasses say of which kind."""

    weights: Weights
    about: About
    name: ClassVar[str]
    kind: ClassVar[type[Weights]]

    def logits(self, steps: Steps, context: Float32Array) -> Float32Array:
        """Logit of every step's hazard before calibration, shape (steps,)."""
        return recurrent_step.hazard_logits(self.weights, steps, context)

    def next_touches(self, steps: Steps, context: Float32Array) -> FloatArray:
        """Probability of each channel next, or none, given no conversion, shape (steps, C + 1)."""
        return softmax(recurrent_step.read(self.weights, all_histories(steps, context))[2])

    def start(self, standing: Standing) -> tuple[Memory, FloatArray]:
        """See StepScorer."""
        memory, logits, _ = recurrent_step.read(self.weights, standing.histories)
        return memory, last_of_each(standing.histories, logits)

    def candidate_logits(
        self, memory: Memory, standing: Standing, position: int, allowed: NDArray[np.uint64]
    ) -> Float32Array:
        """See StepScorer."""
        state = np.ascontiguousarray(standing.planned_state[:, position])
        return recurrent_step.candidates(self.weights, memory, NextTouch(state, standing.histories.context, allowed))

    def hazard_ceiling(self, standing: Standing) -> FloatArray:
        """See StepScorer. Hidden units lie between -1 and 1."""
        direct = direct_ceiling(self.weights, standing.planned_state, standing.histories.context)
        return direct + np.abs(self.weights.hazard).sum()

    def advance(self, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
        """See StepScorer."""
        return recurrent_step.advance(self.weights, memory, parent, channel)

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
            return cls(cls.kind(**arrays), About.from_data(about))


class LstmModel(RecurrentModel):
    """A trained JourneyLstm."""

    __slots__ = ()
    name: ClassVar[str] = "lstm"
    kind: ClassVar[type[Weights]] = LstmWeights


class GruModel(RecurrentModel):
    """A trained JourneyGru."""

    __slots__ = ()
    name: ClassVar[str] = "gru"
    kind: ClassVar[type[Weights]] = GruWeights
