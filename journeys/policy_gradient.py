"""A policy learnt by trying: the score-function gradient (REINFORCE) against whatever answers as an environment does.

Williams (1992), Machine Learning 8, section 5, with the mean return of the state as its baseline, which changes no
expectation and lowers the variance.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_NEVER = -1e9  # preference of what is not permitted
_FORGETTING = 0.95  # of the running means by which Adam scales, and of the baseline


class Step(NamedTuple):
    """What came of n actions."""

    state: IntArray  # (n,)
    reward: FloatArray  # (n,)
    done: BoolArray  # (n,) an episode that is done is asked for nothing more


class Environment(Protocol):
    """n episodes at once over numbered states and actions."""

    @property
    def states(self) -> int:
        """How many there are."""

    @property
    def permitted(self) -> BoolArray:
        """Which actions a state has, shape (states, actions)."""

    def reset(self, episodes: int, random: np.random.Generator, /) -> IntArray:
        """First states of new episodes, (episodes,)."""

    def step(self, action: IntArray, random: np.random.Generator, /) -> Step:
        """Does an action in each episode; those of episodes that are done are not read."""


@dataclass(frozen=True, slots=True)
class GradientOptions:
    """How long and how fast is learnt."""

    rounds: int = 300
    episodes: int = 512  # a round
    rate: float = 0.1  # of Adam
    seed: int = 0


def policy_gradient(environment: Environment, options: GradientOptions = GradientOptions()) -> FloatArray:
    """Probability of each action in each state, shape (states, actions), after learning."""
    random = np.random.default_rng(options.seed)
    permitted = environment.permitted
    preference = np.where(permitted, 0.0, _NEVER)
    baseline, mean, square = np.zeros(environment.states), np.zeros(preference.shape), np.zeros(preference.shape)
    for round_ in range(1, options.rounds + 1):
        chances = probabilities(preference)
        gradient = _gradient(environment, chances, baseline, options.episodes, random)
        mean = _FORGETTING * mean + (1 - _FORGETTING) * gradient
        square = 0.999 * square + 0.001 * gradient**2
        scaled = mean / (1 - _FORGETTING**round_) / (np.sqrt(square / (1 - 0.999**round_)) + 1e-12)
        preference = np.where(permitted, preference + options.rate * scaled, _NEVER)
    return probabilities(preference)


def probabilities(preference: FloatArray) -> FloatArray:
    """Softmax along the last axis."""
    odds = np.exp(preference - preference.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def _gradient(
    environment: Environment, chances: FloatArray, baseline: FloatArray, episodes: int, random: np.random.Generator
) -> FloatArray:
    """Mean over episodes of sum_t (return from t - baseline) d ln pi; moves the baseline to the returns seen."""
    states, actions, rewards, alive = _episodes(environment, chances, episodes, random)
    returns = np.cumsum((rewards * alive)[::-1], axis=0)[::-1]
    state, action, came = states[alive], actions[alive], returns[alive]
    lead = came - baseline[state]
    gradient = np.zeros(chances.shape)
    np.add.at(gradient, (state, action), lead)
    np.add.at(gradient, state, -lead[:, None] * chances[state])
    visits = np.bincount(state, minlength=len(baseline))
    seen = visits > 0
    average = np.bincount(state, came, len(baseline))[seen] / visits[seen]
    baseline[seen] = _FORGETTING * baseline[seen] + (1 - _FORGETTING) * average
    return gradient / episodes


def _episodes(
    environment: Environment, chances: FloatArray, episodes: int, random: np.random.Generator
) -> tuple[IntArray, IntArray, FloatArray, BoolArray]:
    """States, actions, rewards and whether the episode was still on, (T, episodes) each."""
    summed = np.cumsum(chances, axis=1)
    state, on = environment.reset(episodes, random), np.ones(episodes, np.bool_)
    parts: list[tuple[IntArray, IntArray, FloatArray, BoolArray]] = []
    while on.any():
        below = summed[state] <= random.random(episodes)[:, None] * summed[state][:, -1:]
        action = np.minimum(below.sum(axis=1), chances.shape[1] - 1)
        came = environment.step(action, random)
        parts.append((state, action, came.reward, on))
        state, on = came.state, on & ~came.done
    states, actions, rewards, alive = (np.stack(part) for part in zip(*parts, strict=True))
    return states, actions, rewards, alive
