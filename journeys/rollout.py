"""Ways of choosing touches, tried out on a model: who would convert, when, and what it would bring.

Every way keeps to the same constraints, which mask what it may choose from. A conversion is not drawn but counted by
its probability, so the only chance is in what a way of choosing draws; that is keyed by seed and customer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from farview.core.randomness import generator
from journeys.beam import Beams, Candidates, Prices, go_on, open_words
from journeys.cautious import Cautious
from journeys.planner import Batch, begin, open_windows
from journeys.scorer import FloatArray, IntArray, JourneyModel

BoolArray = NDArray[np.bool_]
STOP = -1
SUPPORTED = 100.0  # touches of a channel after another that the log must hold to speak for them


class Look(NamedTuple):
    """What is known before the next touch of n journeys is chosen."""

    position: int  # from 0
    last: IntArray  # (n,) channel of the touch before, C for an unknown one, C + 1 for none
    used: IntArray  # (n, C) planned touches so far
    open: BoolArray  # (n, C) channels that the constraints permit
    gain: FloatArray  # (n, C) what a touch would bring less what it costs, given no conversion before
    may_stop: BoolArray  # (n,)
    drawn: FloatArray  # (n, 2) uniform, fresh


class Trip(NamedTuple):
    """n customers who are about to be touched at most L times."""

    batch: Batch
    names: Sequence[str]  # of the customers, who key what is drawn
    hours: FloatArray  # (n, L) from the present to each touch
    cost: FloatArray  # (n, C) of a touch, without its length cost
    margin: FloatArray  # (n,) that a conversion brings


class Policy(Protocol):
    """A way of choosing."""

    def __call__(self, look: Look, /) -> IntArray:
        """An open channel for each journey, or STOP, shape (n,). Closed ones are replaced by the first open one."""


@dataclass(frozen=True, slots=True, eq=False)
class Rolled:
    """What n journeys came to; L touches at most."""

    path: IntArray  # (n, L) channels, -1 where there is none
    hazard: FloatArray  # (n, L) 0 where there is none
    reached: FloatArray  # (n, L) probability that a touch is sent
    converted: FloatArray  # (n, L) probability that it is the one that converts
    hours: FloatArray  # (n, L) from the present to its conversion, if it converts
    before: FloatArray  # (n,) probability that a past touch converts before the first one here, at all where none is
    without: FloatArray  # (n,) of a conversion without any further touch
    margin: FloatArray  # (n,) that a conversion brings
    worth: FloatArray  # (n,) the same with what it changes of what comes after it
    cost: FloatArray  # (n,) expected
    supported: BoolArray  # (n, L) the log holds at least SUPPORTED such touches

    @property
    def probability(self) -> FloatArray:
        """Of a conversion in the course of the journey, (n,)."""
        return self.before + self.converted.sum(axis=1)

    @property
    def value(self) -> FloatArray:
        """(probability - probability without a touch) x worth - cost, (n,)."""
        return (self.probability - self.without) * self.worth - self.cost


def roll(model: JourneyModel[Any], trip: Trip, policy: Policy, seed: int = 0) -> Rolled:
    """The journeys that a way of choosing makes.

    Args:
        model: of the hazards, which are lowered where its log has little to say, as in plans.
        trip: who is touched, and what they must keep to; see `planning.trip`.
        policy: the way of choosing.
        seed: of what it draws.
    """
    scorer, batch = Cautious.of(model), trip.batch
    memory, last_logit = scorer.start(batch.standing)
    before, without = open_windows(model.about, last_logit, batch.before_plan)
    n, L = batch.rules.allowed.shape
    C = batch.caps.shape[1]
    drawn = np.stack([generator(seed, "journey", name).random((L, 2)) for name in trip.names])
    beams, last = begin(batch, before), memory.last[:, 0]
    used, supported = np.zeros((n, C), np.int64), np.zeros((n, L), np.bool_)
    path, hazard, survival = np.full((n, L), STOP), np.zeros((n, L)), np.ones((n, L + 1)) * (1 - before)[:, None]
    prices = Prices(batch.worth, batch.cost, np.zeros((n, L + 1)))
    for position in range(L):
        words = open_words(batch.rules, beams, position)[:, 0]
        logit = scorer.candidate_logits(memory, batch.standing, position, words[:, None])
        chance = model.about.calibration.probability(logit)
        gain = chance[:, 0] * batch.worth[:, None] - batch.cost
        may_stop = batch.rules.needed <= position
        look = Look(position, last, used, _bits(words, C), gain, may_stop, drawn[:, position])
        chosen = _kept(policy(look), look)
        goes = chosen != STOP
        code = np.maximum(chosen, 0)
        path[:, position] = chosen
        hazard[goes, position] = chance[goes, 0, code[goes]]
        supported[:, position] = goes & (model.about.support.table()[last, code] >= SUPPORTED)
        survival[:, position + 1] = survival[:, position] * (1 - hazard[:, position])
        used[goes, code[goes]] += 1
        one = np.where(goes, np.uint64(1) << code.astype(np.uint64), np.uint64(0))[:, None]
        beams = _taken(batch, prices, beams, Candidates(position, one, chance, logit))
        if not goes.any():
            break
        memory = scorer.advance(memory, np.zeros((n, 1), np.int64), chosen[:, None])
        last = np.where(goes, code, last)
    return _figures(model, trip, (path, hazard, survival, supported), (before, without))


def historical(model: JourneyModel[Any]) -> Policy:
    """Draws the next channel as often as the log shows it after the one before."""
    table = model.about.support.table() + 1e-9  # where the log is silent, all alike
    return lambda look: _draw(table[look.last] * look.open, look.drawn[:, 0])


def at_random(look: Look, /) -> IntArray:
    """Draws among open channels, all alike."""
    return _draw(look.open.astype(np.float64), look.drawn[:, 0])


def greedy(look: Look, /) -> IntArray:
    """Takes what the next touch alone gains most by; stops where that is nothing and the rules let it."""
    gain = np.where(look.open, look.gain, -np.inf)
    best = gain.argmax(axis=1)
    return np.where((gain.max(axis=1) <= 0) & look.may_stop, STOP, best)


@dataclass(frozen=True, slots=True)
class Following:
    """Follows given channels, each journey its own; one that is closed is left out and the next one taken."""

    wanted: IntArray  # (n, L) -1 beyond the plan
    at: IntArray  # (n,) place of each, moved along

    @classmethod
    def of(cls, wanted: IntArray) -> "Following":
        """From their beginning."""
        return cls(wanted, np.zeros(len(wanted), np.int64))

    def __call__(self, look: Look, /) -> IntArray:
        """See Policy."""
        chosen = np.full(len(self.at), STOP)
        for row in range(len(chosen)):
            while self.at[row] < self.wanted.shape[1]:
                code = self.wanted[row, self.at[row]]
                self.at[row] += 1
                if code >= 0 and look.open[row, code]:
                    chosen[row] = code
                    break
        return chosen


@dataclass(frozen=True, slots=True)
class Exploring:
    """Greedy, but with a share of touches drawn at random, and with less for channels that were used already."""

    exploration: float  # share of touches that are drawn, 0 to 1
    diversity: float  # taken off the gain for each earlier planned touch of the channel, as a share of it

    def __call__(self, look: Look, /) -> IntArray:
        """See Policy."""
        spread = greedy(look._replace(gain=look.gain - np.abs(look.gain) * np.minimum(self.diversity * look.used, 1.0)))
        drawn = _draw(look.open.astype(np.float64), look.drawn[:, 1])
        return np.where(look.drawn[:, 0] < self.exploration, drawn, spread)


def _draw(weight: FloatArray, uniform: FloatArray) -> IntArray:
    """A channel for each row by its weights, STOP where all are 0."""
    summed = np.cumsum(weight, axis=1)
    chosen = (summed <= (uniform * summed[:, -1])[:, None]).sum(axis=1)
    return np.where(summed[:, -1] > 0, np.minimum(chosen, weight.shape[1] - 1), STOP)


def _bits(words: NDArray[np.uint64], C: int) -> BoolArray:
    return (words[:, None] >> np.arange(C, dtype=np.uint64)) & np.uint64(1) != 0


def _kept(chosen: IntArray, look: Look) -> IntArray:
    """What was chosen where it is open; the first open channel where one must follow, else the end."""
    rows = np.arange(len(chosen))
    fine = (chosen != STOP) & look.open[rows, np.maximum(chosen, 0)]
    stops = (chosen == STOP) & look.may_stop
    some = np.where(look.open.any(axis=1), look.open.argmax(axis=1), STOP)
    return np.where(fine, chosen, np.where(stops, STOP, some))


def _taken(batch: Batch, prices: Prices, beams: Beams, candidates: Candidates) -> Beams:
    """The one plan of each customer, a touch longer."""
    n, C = len(batch.worth), batch.caps.shape[1]
    after = Beams.empty(n, 1, C, batch.rules.allowed.shape[1])
    go_on(batch.rules, prices, beams, candidates, after, (np.full(n, -np.inf), np.full(n, -np.inf)))
    return after


def _figures(
    model: JourneyModel[Any],
    trip: Trip,
    rolled: tuple[IntArray, FloatArray, FloatArray, BoolArray],
    windows: tuple[FloatArray, FloatArray],
) -> Rolled:
    path, hazard, survival, supported = rolled
    reached = survival[:, :-1] * (path >= 0)
    price = np.take_along_axis(trip.cost, np.maximum(path, 0), axis=1)
    return Rolled(
        path=path,
        hazard=hazard,
        reached=reached,
        converted=reached * hazard,
        hours=trip.hours + model.about.timing.mean_delay_hours,
        before=np.where((path >= 0).any(axis=1), *windows),
        without=windows[1],
        margin=trip.margin,
        worth=trip.batch.worth,
        cost=(reached * price).sum(axis=1),
        supported=supported,
    )
