"""Histories as padded batches of nearly equal length, with what training hides of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from farview.evaluation.journey_splits import Observed
from farview.features.steps import Steps
from journeys.scorer import Float32Array, IntArray

UNKNOWN_INTERACTION_SHARE = 0.3  # of sequences whose interactions are hidden from some touch on, as in a plan
KNOWN_BEFORE_UNKNOWN = 2.0  # touches of such a sequence that come before, on average
UNKNOWN_CONTEXT_SHARE = 0.1  # of sequences whose attributes are hidden

LONGEST = 64  # longer histories are read in pieces of this length
OVERLAP = 16  # touches that a piece reads again before those that it learns from


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B sequences of T touches, padded at their end with touches of weight 0."""

    channel: IntArray  # (B, T)
    interaction: IntArray  # (B, T)
    state: Float32Array  # (B, T, F) scaled
    context: Float32Array  # (B, P)
    weight: Float32Array  # (B, T) 0 where nothing is to be learnt
    converted: Float32Array  # (B, T)
    following: IntArray  # (B, T) channel of the next touch; the number of channels for none


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Stretches of histories, one sequence each."""

    customer: IntArray
    first: IntArray  # its first touch
    length: IntArray
    learnt_from: IntArray  # earlier touches are only read


class Sequences:
    """The histories before a split, ready to be learnt from."""

    def __init__(self, steps: Steps, state: Float32Array, context: Float32Array, seen: Observed) -> None:
        self._steps = steps
        self._state = state
        self._context = context
        self._weight = np.zeros(len(steps), np.float32)
        self._weight[seen.rows] = seen.weight
        none = len(steps.vocabulary.channels)
        self._following = np.where(steps.next_channel < 0, none, steps.next_channel).astype(np.int64)
        self._pieces = _pieces(steps, seen)

    @property
    def touches(self) -> int:
        """How many are read in an epoch."""
        return int(self._pieces.length.sum())

    def batches(self, touches: int, random: np.random.Generator) -> Iterator[Batch]:
        """All sequences once, in random order, about so many touches a batch. Every call yields as many batches."""
        length = self._pieces.length
        order = np.lexsort((random.random(len(length)), length))
        ends = np.cumsum(length[order])
        cuts = np.searchsorted(ends, np.arange(touches, ends[-1], touches))
        groups = [group for group in np.split(order, cuts) if len(group)]
        for number in random.permutation(len(groups)):
            yield self._batch(groups[number], random)

    def _batch(self, chosen: IntArray, random: np.random.Generator) -> Batch:
        pieces, steps = self._pieces, self._steps
        length = pieces.length[chosen]
        position = np.arange(length.max())
        present = position < length[:, None]
        rows = np.where(present, pieces.first[chosen][:, None] + position, 0)
        # The first hidden touch must not depend on the sequence's length: being hidden would tell that it soon ends,
        # and journeys end by converting.
        hides = random.random(len(chosen)) < UNKNOWN_INTERACTION_SHARE
        hidden_from = np.where(hides, random.geometric(1 / (1 + KNOWN_BEFORE_UNKNOWN), len(chosen)) - 1, LONGEST)
        unknown = len(steps.vocabulary.interactions)
        known_who = random.random(len(chosen)) >= UNKNOWN_CONTEXT_SHARE
        return Batch(
            channel=steps.channel[rows].astype(np.int64),
            interaction=np.where(position >= hidden_from[:, None], unknown, steps.interaction[rows]).astype(np.int64),
            state=self._state[rows],
            context=self._context[pieces.customer[chosen]] * known_who[:, None].astype(np.float32),
            weight=self._weight[rows] * (present & (rows >= pieces.learnt_from[chosen][:, None])),
            converted=steps.converted[rows].astype(np.float32),
            following=self._following[rows],
        )


def _pieces(steps: Steps, seen: Observed) -> _Pieces:
    """Stretches from a customer's first touch to the last that is learnt from."""
    last = np.full(len(steps.customer_ids), -1, np.int64)
    np.maximum.at(last, steps.customer[seen.rows], seen.rows)
    stretches: list[tuple[int, int, int, int]] = []
    for customer in np.flatnonzero(last >= 0):
        begin, end = int(steps.offsets[customer]), int(last[customer]) + 1
        learnt = begin
        while learnt < end:
            first = max(begin, learnt - OVERLAP)
            stop = min(first + LONGEST, end)
            stretches.append((int(customer), first, stop - first, learnt))
            learnt = stop
    return _Pieces(*np.array(stretches, dtype=np.int64).reshape(-1, 4).T)
