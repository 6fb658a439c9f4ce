"""Ways of choosing touches side by side: the log's own, random, greedy, one plan for all, a decision process, plans."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from farview.core.errors import FarviewError, InvalidInput
from journeys.mdp import journey_mdp, value_iteration
from journeys.plan import Plan
from journeys.rollout import STOP, Exploring, Following, Look, Rolled, Trip, at_random, greedy, historical, roll
from journeys.rollout_summary import draws_of, summary
from journeys.scorer import IntArray, JourneyModel, last_of_each

REPEATS = 4  # rolls of what draws, averaged
FIXED = 20  # of the planner's plans, the most frequent, are tried on everybody
_PRIOR = 10.0  # touches of a channel's own mean that every cell of the decision process is drawn to
NAMES = ("historical", "random", "greedy", "best_fixed", "decision_process", "planner")


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Greedy choice with exploration and diversity: every combination is rolled out."""

    explorations: Sequence[float] = (0.0, 0.1, 0.3)  # shares of touches drawn at random
    diversities: Sequence[float] = (0.0, 0.25, 0.5)  # shares of the gain taken off for each use of the channel before

    def check(self) -> None:
        """Raises InvalidInput for a share that is none."""
        for name, shares in (("explorations", self.explorations), ("diversities", self.diversities)):
            for share in shares:
                if not 0 <= share <= 1:
                    raise InvalidInput.of(name, f"{share} is not from 0 to 1")


def compare(
    model: JourneyModel[Any],
    trip: Trip,
    plans: Sequence[Plan | FarviewError],
    what_if: WhatIf = WhatIf(),
    seed: int = 0,
) -> dict[str, Any]:
    """Every way of choosing on the same customers under the same constraints, as JSON data.

    {"policies": {NAME: figures}, "best_fixed_plan": [CHANNEL], "what_if": [{"exploration", "diversity", ...figures}]},
    figures being those of `rollout_summary.summary`. All figures are the model's; `supported_share` is the part of the
    planned touches' conversions for which the log holds at least SUPPORTED touches of that channel after that one.

    Args:
        model: of the hazards.
        trip: the customers.
        plans: the planner's, in the order of the trip.
        what_if: combinations that are tried.
        seed: of what is drawn.
    """
    what_if.check()
    channels = model.about.vocabulary.channels
    draws = draws_of(len(trip.names), seed)
    wanted = _paths(plans, channels, trip.hours.shape[1])
    at_randoms = [roll(model, trip, at_random, seed + number) for number in range(REPEATS)]
    fixed = _best_fixed(model, trip, wanted)
    rolled: Mapping[str, Sequence[Rolled]] = {
        "historical": [roll(model, trip, historical(model), seed + number) for number in range(REPEATS)],
        "random": at_randoms,
        "greedy": [roll(model, trip, greedy)],
        "best_fixed": [roll(model, trip, _for_everybody(fixed, len(trip.names)))],
        "decision_process": [roll(model, trip, decision_process(trip, at_randoms))],
        "planner": [roll(model, trip, Following.of(wanted))],
    }
    return {
        "policies": {name: summary(rolled[name], draws) for name in NAMES},
        "best_fixed_plan": [channels[code] for code in fixed.tolist() if code != STOP],
        "what_if": [
            {
                "exploration": exploration,
                "diversity": diversity,
                **summary([roll(model, trip, Exploring(exploration, diversity), seed)], draws),
            }
            for exploration in what_if.explorations
            for diversity in what_if.diversities
        ],
    }


@dataclass(frozen=True, slots=True, eq=False)
class Tabled:
    """Does what a table says for the number of touches so far and the last channel."""

    actions: IntArray  # (L, C + 1) channel, C to stop; the last column: none or an unknown channel before

    def __call__(self, look: Look, /) -> IntArray:
        """See Policy."""
        C = self.actions.shape[1] - 1
        chosen = self.actions[look.position, np.minimum(look.last, C)]
        return np.where(chosen == C, STOP, chosen)


def decision_process(trip: Trip, rolled: Sequence[Rolled]) -> Tabled:
    """The best policy of the decision process whose states are touches so far and last channel.

    Its hazards are means over customers of what random journeys met, drawn to each channel's own. Who the customer is,
    and what came before the last touch, it does not see; what a constraint closes is passed over when it acts.

    Args:
        trip: the customers.
        rolled: journeys of at_random.
    """
    L, C = trip.hours.shape[1], trip.cost.shape[1]
    met, total = np.zeros((L, C + 1, C)), np.zeros((L, C + 1, C))
    past = trip.batch.standing.histories
    first = np.nan_to_num(last_of_each(past, past.channel), nan=C).astype(np.int64)
    for each in rolled:
        last = np.column_stack([first, each.path[:, :-1]])
        rows, places = np.nonzero(each.path != STOP)
        cell = (places, last[rows, places], each.path[rows, places])
        np.add.at(met, cell, 1.0)
        np.add.at(total, cell, each.hazard[rows, places])
    own = (total.sum(axis=(0, 1)) + 1e-9) / (met.sum(axis=(0, 1)) + 1e-6)
    hazards = (total + _PRIOR * own) / (met + _PRIOR)
    cost = trip.batch.cost.mean(axis=0)  # length costs included, as the planner reads them
    mdp = journey_mdp(hazards, float(trip.batch.worth.mean()), cost, np.ones(C, np.bool_))
    return Tabled(value_iteration(mdp)[1][:-1].reshape(L, C + 1))


def _paths(plans: Sequence[Plan | FarviewError], channels: Sequence[str], length: int) -> IntArray:
    """Channels of the plans, (n, length), STOP beyond their ends and for those that could not be made."""
    paths = np.full((len(plans), length), STOP)
    for row, plan in enumerate(plans):
        if isinstance(plan, Plan):
            paths[row, : len(plan.touches)] = [channels.index(touch.channel) for touch in plan.touches]
    return paths


def _best_fixed(model: JourneyModel[Any], trip: Trip, wanted: IntArray) -> IntArray:
    """Of the planner's most frequent plans the one that brings most when everybody gets it, (L,).

    It is chosen on the customers on whom it is judged, which flatters it a little.
    """
    frequent = Counter(map(tuple, wanted.tolist())).most_common(FIXED)
    worth = [roll(model, trip, _for_everybody(np.array(path), len(wanted))).value.mean() for path, _ in frequent]
    return np.array(frequent[int(np.argmax(worth))][0])


def _for_everybody(path: IntArray, customers: int) -> Following:
    return Following.of(np.tile(path, (customers, 1)))
