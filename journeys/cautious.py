"""A journey model as the planner reads it: hazards lowered where the log has little to say; see `support`."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from farview.evaluation.journey_splits import Observed
from farview.features.steps import Steps
from journeys.about import About
from journeys.constraints import MOST_CHANNELS
from journeys.inputs import Float32Array, FloatArray, Histories, IntArray
from journeys.scorer import JourneyModel, Standing, last_of_each
from journeys.support import channels_before

CAUTIONS = np.linspace(0.0, 2.0, 9)  # standard errors among which is chosen
_EXPECTED, _SPREAD = 0.75, 0.5  # of them: networks are shrunk, so a little less than one; decides where steps are few
_MOST_STEPS = 20_000
_AT_ONCE = 2_000


class Memory(NamedTuple):
    """What the model keeps, and the last channel of each journey."""

    inner: Any
    last: IntArray  # (n, B) C for an unknown one, C + 1 for none


@dataclass(frozen=True, slots=True, eq=False)
class Cautious:
    """A StepScorer over a model's own: the same, but for what `support` takes off."""

    model: JourneyModel[Any]
    penalty: FloatArray  # (C + 2, C) off the uncalibrated logit

    @classmethod
    def of(cls, model: JourneyModel[Any]) -> "Cautious":
        """With the caution that its support asks for."""
        about = model.about
        return cls(model, about.support.penalty() * about.calibration.temperature)

    @property
    def about(self) -> About:
        """The model's."""
        return self.model.about

    def start(self, standing: Standing) -> tuple[Memory, FloatArray]:
        """See StepScorer; the history's last touch has happened and is read as it is."""
        inner, logit = self.model.start(self._inside(standing))
        last = last_of_each(standing.histories, standing.histories.channel)
        none = self.penalty.shape[1] + 1
        return Memory(inner, np.where(np.isnan(last), none, last).astype(np.int64)[:, None]), logit

    def candidate_logits(
        self, memory: Memory, standing: Standing, position: int, allowed: NDArray[np.uint64]
    ) -> Float32Array:
        """See StepScorer."""
        logits = self.model.candidate_logits(memory.inner, self._inside(standing), position, allowed)
        return logits - self.penalty[memory.last].astype(np.float32)

    def hazard_ceiling(self, standing: Standing) -> FloatArray:
        """See StepScorer."""
        return self.model.hazard_ceiling(self._inside(standing)) - self.penalty.min(axis=0)

    def advance(self, memory: Memory, parent: IntArray, channel: IntArray) -> Memory:
        """See StepScorer."""
        return Memory(self.model.advance(memory.inner, parent, channel), np.maximum(channel, 0))

    def _inside(self, standing: Standing) -> Standing:
        return standing._replace(planned_state=self.about.support.inside(standing.planned_state))


def with_caution(model: Any, steps: Steps, context: Float32Array, seen: Observed) -> Any:
    """The model with the caution by which what it would choose comes about as often as it foresees.

    Of the later steps those whose logged channel is the one that the cautious model would have chosen tell how much too
    high its choices are foreseen. Taken is the caution of highest posterior density: ln(foreseen / came) normal with
    variance 1 / conversions, the caution normal around _EXPECTED. Steps that the model did not learn from are needed.

    Args:
        model: of the steps before.
        steps: of the log.
        context: encoded attributes of its customers.
        seen: the later steps.
    """
    if len(steps.vocabulary.channels) > MOST_CHANNELS:
        return model  # with which nothing can be planned
    chosen = seen.rows[:: max(len(seen.rows) // _MOST_STEPS, 1)]
    weight = seen.weight[:: max(len(seen.rows) // _MOST_STEPS, 1)]
    logit = _alternatives(model, steps, context, chosen)
    before, channel, came = channels_before(steps)[chosen], steps.channel[chosen], steps.converted[chosen]
    about = model.about
    best, best_loss = 0.0, np.inf
    for caution in CAUTIONS.tolist():
        support = replace(about.support, caution=caution)
        hazard = about.calibration.probability(logit - support.penalty()[before] * about.calibration.temperature)
        taken = hazard.argmax(axis=1) == channel
        foreseen = float(weight[taken] @ hazard[taken].max(axis=1, initial=0.0))
        happened = float(weight[taken] @ came[taken])
        off = np.log((foreseen + 0.5) / (happened + 0.5))
        loss = off**2 * happened + ((caution - _EXPECTED) / _SPREAD) ** 2
        if loss < best_loss:
            best, best_loss = caution, loss
    return replace(model, about=replace(about, support=replace(about.support, caution=best)))


def _alternatives(model: JourneyModel[Any], steps: Steps, context: Float32Array, rows: IntArray) -> FloatArray:
    """Uncalibrated logit of every channel in the place of a step's, its interaction not known, (rows, C)."""
    C, customer = len(steps.vocabulary.channels), steps.customer
    logits = np.empty((len(rows), C))
    every = np.uint64((1 << C) - 1)
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        past = Histories(
            steps.offsets[customer[some]], some, steps.channel, steps.interaction, steps.state, context[customer[some]]
        )
        standing = Standing(past, steps.state[some][:, None])
        memory, _ = model.start(standing)
        allowed = np.full((len(some), 1), every)
        logits[first : first + _AT_ONCE] = model.candidate_logits(memory, standing, 0, allowed)[:, 0]
    return logits
