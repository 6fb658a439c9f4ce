"""What the planner, the jobs and the registry ask of a journey model, whatever its kind."""

from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from farview.features.steps import Steps
from journeys.about import About
from journeys.inputs import Histories

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int32]

Memory = TypeVar("Memory")


class Standing(NamedTuple):
    """Where n customers stand before a plan of up to L touches."""

    histories: Histories  # what happened
    planned_state: Float32Array  # (n, L, F) state features at the planned touches


def last_of_each(histories: Histories, figures: NDArray[Any]) -> FloatArray:
    """The figure of each history's last touch, (n,), NaN for none; `figures` has shape (touches,)."""
    touched = histories.ends > histories.starts
    last = np.full(len(touched), np.nan)
    last[touched] = figures[histories.ends[touched] - 1]
    return last


class StepScorer(Protocol[Memory]):
    """Scores touches one after the other and remembers what it has read, so that no prefix is read twice."""

    def start(self, standing: Standing, /) -> tuple[Memory, FloatArray]:
        """Memory of one journey a customer (B = 1), and the logit of each history's last touch, (n,), NaN for none."""

    def candidate_logits(
        self, memory: Memory, standing: Standing, position: int, allowed: NDArray[np.uint64], /
    ) -> Float32Array:
        """Logit of the hazard of every channel as the touch at `position` (from 0), shape (n, B, C).

        Bit c of `allowed` (n, B) permits channel c; entries that are not allowed may hold anything.
        """

    def hazard_ceiling(self, standing: Standing, /) -> FloatArray:
        """Logit that no touch of a channel at a planned position exceeds, whatever comes before it, (n, L, C)."""

    def advance(self, memory: Memory, parent: IntArray, channel: IntArray, /) -> Memory:
        """Memory after the chosen touches at the position just looked at.

        Args:
            memory: of n customers, B journeys each.
            parent: the journey that is continued, shape (n, B').
            channel: by which channel, -1 for none, shape (n, B').
        """


class JourneyModel(StepScorer[Memory], Protocol[Memory]):
    """A fitted model."""

    @property
    def name(self) -> str:
        """The kind: markov, lstm, ..."""

    @property
    def about(self) -> About:
        """How to read its input and how much to believe its output."""

    def logits(self, steps: Steps, context: Float32Array, /) -> FloatArray | Float32Array:
        """Logit of every step's hazard before calibration, shape (steps,); context has shape (customers, P)."""

    def next_touches(self, steps: Steps, context: Float32Array, /) -> FloatArray:
        """Probability of each channel next, or none within the window, given no conversion, shape (steps, C + 1)."""

    def to_artifact(self) -> bytes:
        """Bytes that `load` turns back into an equal model."""
