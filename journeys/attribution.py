"""Which touches conversions owe something to: rules of thumb, the Markov chain's removal effect, and a model's.

A path is a customer's touches since the conversion before, up to the next one or the log's end. Conversions are
credited to channels by customer, so that intervals come from customers drawn anew.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.features.journey_state import state_matrix
from farview.features.steps import Steps
from journeys.scorer import Float32Array, FloatArray, IntArray, JourneyModel

BoolArray = NDArray[np.bool_]
LAST_POSITION = 6
"""Touches at this position of a path and later ones count together."""


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Which path each step lies on, and how each ended."""

    path: IntArray  # (steps,) ascending
    position: IntArray  # (steps,) from 1, on its path
    converted: BoolArray  # (paths,)
    customer: IntArray  # (paths,)

    @property
    def length(self) -> IntArray:
        """Touches of each path."""
        return np.bincount(self.path, minlength=len(self.converted))


def paths_of(steps: Steps) -> Paths:
    """The paths of a log; there must be a step."""
    begins = np.zeros(len(steps), np.bool_)
    begins[steps.offsets[:-1]] = True
    begins[1:] |= steps.converted[:-1]
    path = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(steps)) - 1
    return Paths(path, np.arange(len(steps)) - first[path] + 1, steps.converted[last], steps.customer[first])


def by_rule(steps: Steps, paths: Paths) -> dict[str, FloatArray]:
    """Conversions credited to each channel by the first touch, the last, and all alike, (customers, C) each."""
    length = paths.length[paths.path]
    won = paths.converted[paths.path]
    shares = {
        "first": won & (paths.position == 1),
        "last": won & (paths.position == length),
        "linear": won / length,
    }
    C = len(steps.vocabulary.channels)
    return {name: _by_customer(steps, steps.channel, share, C) for name, share in shares.items()}


def markov_removal(steps: Steps, paths: Paths, weight: FloatArray) -> FloatArray:
    """Conversions credited to each channel by its removal from a first-order chain of the paths, (C,).

    A channel's effect is the part of all conversions that the chain loses when whoever would reach the channel leaves
    instead; effects are scaled to the conversions there are. Anderl et al. (2016), International Journal of Research in
    Marketing 33, section 3.4.

    Args:
        steps: of the log.
        paths: of the steps.
        weight: of each customer, (customers,).
    """
    C = len(steps.vocabulary.channels)
    start, won, lost = C, C + 1, C + 2
    ends = paths.position == paths.length[paths.path]
    source = np.append(np.where(paths.position == 1, start, np.roll(steps.channel, 1)), steps.channel[ends])
    target = np.append(steps.channel, np.where(paths.converted, won, lost))
    of = np.append(steps.customer, paths.customer)
    counts = np.zeros((C + 1, C + 3))
    np.add.at(counts, (source, target), weight[of])
    chain = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    whole = _reaching(chain, np.ones(C, np.bool_))
    effects = np.array([whole - _reaching(chain, np.arange(C) != channel) for channel in range(C)])
    conversions = float(weight[paths.customer] @ paths.converted)
    return np.asarray(effects / effects.sum() * conversions if effects.sum() > 0 else np.zeros(C))


def model_removal(model: JourneyModel[Any], steps: Steps, context: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Conversions that the model expects to be lost without each channel, and without the touch at each position.

    Of each path the difference of 1 - prod(1 - hazard) with and without the touches, whose later touches then know
    nothing of them. That is an effect of the touches only as far as the log is not confounded.

    Args:
        model: of the hazards.
        steps: of the log.
        context: encoded attributes of its customers.

    Returns:
        By channel, (customers, C), and by position on the path, (customers, LAST_POSITION).
    """
    paths, C = paths_of(steps), len(steps.vocabulary.channels)
    whole = _expected(model, steps, context, paths.path, paths)
    position = np.minimum(paths.position, LAST_POSITION)

    def lost(gone: BoolArray) -> FloatArray:
        left = whole - _expected(model, _without(steps, gone), context, paths.path[~gone], paths)
        return np.asarray(np.bincount(paths.customer, left, len(steps.customer_ids)), np.float64)

    by_channel = [lost(steps.channel == channel) for channel in range(C)]
    by_position = [lost(position == number) for number in range(1, LAST_POSITION + 1)]
    return np.stack(by_channel, axis=1), np.stack(by_position, axis=1)


def _expected(
    model: JourneyModel[Any], steps: Steps, context: Float32Array, path: IntArray, paths: Paths
) -> FloatArray:
    """Probability of a conversion on each path, (paths,)."""
    hazard = model.about.calibration.probability(model.logits(steps, context))
    return -np.expm1(np.bincount(path, np.log1p(-hazard), len(paths.converted)))


def _without(steps: Steps, gone: BoolArray) -> Steps:
    """The steps of a log in which some touches never happened, as far as models read them."""
    kept = ~gone
    lengths = np.bincount(steps.customer[kept], minlength=len(steps.customer_ids))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    time_us, before = steps.time_us[kept], steps.conversions_before[kept]
    return replace(
        steps,
        offsets=offsets,
        time_us=time_us,
        channel=steps.channel[kept],
        interaction=steps.interaction[kept],
        state=state_matrix(time_us, offsets, before, steps.history_cut, steps.limits.zone),
        converted=steps.converted[kept],
        value=steps.value[kept],
        resolved_us=steps.resolved_us[kept],
        next_channel=steps.next_channel[kept],
        conversions_before=before,
        propensity=steps.propensity[kept],
    )


def _reaching(chain: FloatArray, kept: BoolArray) -> float:
    """Probability of a conversion from the start when channels that are not kept lose everybody."""
    C = len(kept)
    moves = chain[:, :C] * kept
    reach = np.linalg.solve(np.eye(C) - moves[:C], chain[:C, C + 1] * kept)
    return float(moves[C] @ reach + chain[C, C + 1])


def _by_customer(steps: Steps, group: NDArray[np.integer], share: NDArray[Any], groups: int) -> FloatArray:
    """Sums of shares by customer and group, (customers, groups)."""
    flat = np.bincount(steps.customer * groups + group, share, len(steps.customer_ids) * groups)
    return np.asarray(flat.reshape(-1, groups), np.float64)
