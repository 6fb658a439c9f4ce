"""Journeys as a finite Markov decision process: transitions, rewards, value iteration, evaluation of a policy.

Puterman (1994), Markov Decision Processes, chapters 4 and 6. S states, A actions; a state without an action is an end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ROUNDING = 1e-9
_MOST_SWEEPS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Mdp:
    """What each action leads to and brings."""

    transitions: FloatArray  # (A, S, S) probability of the state after, rows sum to 1 where permitted
    rewards: FloatArray  # (A, S) expected, of the action in the state
    permitted: BoolArray  # (A, S)
    discount: float = 1.0  # of a step; 1 needs every policy to come to an end

    def __post_init__(self) -> None:
        sums = self.transitions.sum(axis=2)
        if (self.transitions < 0).any() or not np.allclose(sums[self.permitted], 1.0, atol=_ROUNDING):
            raise InvalidInput.of("transitions", "are no probabilities that sum to 1 where the action is permitted")
        if not 0 < self.discount <= 1:
            raise InvalidInput.of("discount", f"{self.discount} is not in (0, 1]")

    def action_values(self, values: FloatArray) -> FloatArray:
        """Of each action, then going on for `values` (S,); minus infinity where not permitted, (A, S)."""
        ahead = self.rewards + self.discount * self.transitions @ values
        return np.where(self.permitted, ahead, -np.inf)


def value_iteration(mdp: Mdp, tolerance: float = 1e-10) -> tuple[FloatArray, NDArray[np.int64]]:
    """Value of each state under the best policy, (S,), and its action, -1 at an end; ties go to the lowest.

    Raises:
        InvalidInput: values do not settle: without a discount some policy never ends.
    """
    ends = np.asarray(~mdp.permitted.any(axis=0))
    values = np.zeros(len(ends))
    for _ in range(_MOST_SWEEPS):
        ahead = mdp.action_values(values)
        better = np.where(ends, 0.0, ahead.max(axis=0))
        if np.abs(better - values).max(initial=0.0) <= tolerance:
            return better, np.where(ends, -1, ahead.argmax(axis=0))
        values = better
    raise InvalidInput.of("discount", "values do not settle: some policy never ends (take a discount below 1)")


def policy_evaluation(mdp: Mdp, policy: FloatArray) -> FloatArray:
    """Value of each state under a policy, (S,), by the linear system v = r + discount P v.

    Args:
        mdp: the process.
        policy: probability of each action in each state, (A, S); columns sum to 1 but at an end.

    Raises:
        InvalidInput: the policy is no probabilities, does what is not permitted, or never ends without a discount.
    """
    ends = np.asarray(~mdp.permitted.any(axis=0))
    if (policy[~mdp.permitted] > 0).any():
        raise InvalidInput.of("policy", "does what is not permitted")
    if (policy < 0).any() or not np.allclose(policy.sum(axis=0)[~ends], 1.0, atol=_ROUNDING):
        raise InvalidInput.of("policy", "is no probabilities that sum to 1 in every state but an end")
    rewards = (policy * mdp.rewards).sum(axis=0)
    moves = np.einsum("as,ast->st", policy, mdp.transitions)
    if mdp.discount == 1.0 and not _comes_to(ends, moves).all():
        raise InvalidInput.of("policy", "never ends, and nothing is discounted")
    return np.linalg.solve(np.eye(len(rewards)) - mdp.discount * moves, rewards)


def _comes_to(ends: BoolArray, moves: FloatArray) -> BoolArray:
    """The states from which an end can be reached, (S,): a system whose others are solved for may not look singular."""
    reached = ends
    for _ in range(len(ends)):
        before, reached = reached, reached | ((moves > 0) @ reached)
        if (before == reached).all():
            break
    return reached


def journey_mdp(hazards: FloatArray, margin: float, cost: FloatArray, consent: BoolArray) -> Mdp:
    """The process of a customer whose next touch depends on how many came before and on the last one's channel.

    State (k, p) is numbered k (C + 1) + p: k touches sent, p the last channel, C for none. Then comes the end, into
    which a conversion, a stop, which is the last action, and the last touch lead.

    Args:
        hazards: of channel c at position k after channel p, shape (L, C + 1, C).
        margin: of a conversion.
        cost: of a touch by channel, (C,).
        consent: which channels are permitted, (C,).
    """
    L, _, C = hazards.shape
    S = L * (C + 1) + 1
    end = S - 1
    transitions, rewards = np.zeros((C + 1, S, S)), np.zeros((C + 1, S))
    permitted = np.zeros((C + 1, S), np.bool_)
    state = np.arange(L * (C + 1))
    position, last = state // (C + 1), state % (C + 1)
    transitions[C, state, end] = 1.0
    permitted[C, state] = True
    for channel in range(C):
        hazard = hazards[position, last, channel]
        after = np.where(position + 1 < L, (position + 1) * (C + 1) + channel, end)
        transitions[channel, state, end] += hazard
        transitions[channel, state, after] += 1 - hazard
        rewards[channel, state] = hazard * margin - cost[channel]
        permitted[channel, state] = consent[channel]
    return Mdp(transitions, rewards, permitted)
