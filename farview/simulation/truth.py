"""What is true of journeys: exact probabilities, not estimates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from farview.simulation.business import CLICK, HAZARD_CEILING, NO_CHANNEL, BoolArray, FloatArray, IntArray, World
from farview.simulation.policy import propensities

Index = IntArray | int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands: no conversion so far, and the window of the last touch, if any, has passed."""

    segment: int
    consent: tuple[bool, ...]  # by channel, from now on
    channels: tuple[int, ...] = ()  # of the touches so far, oldest first
    interactions: tuple[int, ...] = ()  # of the same touches

    @property
    def previous(self) -> int:
        """Channel of the last touch, NO_CHANNEL without one."""
        return self.channels[-1] if self.channels else NO_CHANNEL


def hazard(
    world: World,
    *,
    segment: Index,
    position: Index,
    channel: Index,
    interaction: Index,
    previous: Index,
    intent: Index = 0,
) -> FloatArray:
    """Probability that a touch leads to conversion before the next touch and within seven days.

    h = min(1/2, base[c] position[k] segment[g, c] interaction[i] previous[p, c] intent[u])

    Args:
        world: the business.
        segment: g, of the customer.
        position: k, 1 for the first touch of the journey.
        channel: c, of this touch.
        interaction: i, IMPRESSION or CLICK.
        previous: p, channel of the touch before, NO_CHANNEL for none.
        intent: u, latent; always 0 unless the world is confounded.

    Returns:
        The arguments' broadcast shape.
    """
    effects = world.journey
    product = (
        effects.base[channel]
        * effects.position[np.minimum(position, world.max_touches) - 1]
        * effects.segment[segment, channel]
        * effects.interaction[interaction]
        * effects.previous[previous, channel]
        * effects.intent[intent]
    )
    return np.asarray(np.minimum(product, HAZARD_CEILING))


def planned_hazard(
    world: World, *, segment: Index, position: Index, channel: Index, previous: Index, intent: Index = 0
) -> FloatArray:
    """Hazard of a touch still to be sent: whether it will be a click is not known yet, so that is averaged out.

    Exact inside a path too, because a click depends on nothing but its channel and changes no later touch.
    """
    seen, clicked = (
        hazard(
            world,
            segment=segment,
            position=position,
            channel=channel,
            interaction=interaction,
            previous=previous,
            intent=intent,
        )
        for interaction in (1 - CLICK, CLICK)
    )
    chance = world.journey.click_probability[channel]
    return np.asarray((1 - chance) * seen + chance * clicked)


def hazards_ahead(world: World, standing: Standing, touches: int, intent: int = 0) -> FloatArray:
    """Planned hazard of each channel at each of the next touches after each channel, the last row after none.

    Shape (touches, K + 1, K).
    """
    K = len(world.channels)
    return planned_hazard(
        world,
        segment=standing.segment,
        position=len(standing.channels) + 1 + np.arange(touches)[:, None, None],
        channel=np.arange(K),
        previous=np.append(np.arange(K), NO_CHANNEL)[:, None],
        intent=intent,
    )


def observed_hazards(
    world: World, segment: IntArray, consent: BoolArray, channel: IntArray, interaction: IntArray
) -> FloatArray:
    """Hazard of every touch given all that the log shows up to it: the best that any model of the log can do.

    Without confounding this is `hazard`; with it, the latent intent is integrated over its posterior.

    Args:
        world: the business.
        segment: shape (n,).
        consent: shape (n, K).
        channel: shape (n, L): the journeys, padded at their ends with any channel.
        interaction: shape (n, L).

    Returns:
        Shape (n, L); meaningless where padded.
    """
    at_touch, _ = _intent(world, segment, consent, channel, interaction)
    given = _hazards_by_intent(world, segment, channel, interaction)
    return np.asarray((at_touch * given).sum(2))


def believed_intent(world: World, standing: Standing) -> FloatArray:
    """Posterior of the latent intent given the customer's journey so far, shape (U,)."""
    if not standing.channels:
        return world.intent_share
    permitted_then = [ok or channel in standing.channels for channel, ok in enumerate(standing.consent)]
    _, after = _intent(
        world,
        np.array([standing.segment]),
        np.array([permitted_then]),
        np.array([standing.channels]),
        np.array([standing.interactions]),
    )
    return np.asarray(after[0])


def path_probability(world: World, standing: Standing, plan: Sequence[int], intent: int | None = None) -> float:
    """Probability that sending the planned channels, in order, leads to a conversion: 1 - prod(1 - hazard).

    Args:
        world: the business.
        standing: where the customer stands before the first planned touch.
        plan: channel of each planned touch.
        intent: latent level; None averages over what the journey so far tells of it. The plan itself tells nothing
            of intent, because whoever plans does not know it.
    """
    weights = believed_intent(world, standing) if intent is None else np.eye(len(world.intent_share))[intent]
    channel = np.array(plan, dtype=np.int64)
    hazards = planned_hazard(
        world,
        segment=standing.segment,
        position=len(standing.channels) + 1 + np.arange(len(plan)),
        channel=channel,
        previous=np.append(standing.previous, channel)[: len(plan)],
        intent=np.arange(len(weights))[:, None],
    )  # (U, touches)
    return float(weights @ (1 - np.prod(1 - hazards, axis=1)))


def historical_probability(world: World, standing: Standing, touches: int) -> float:
    """Probability of a conversion within that many further touches when the historical policy chooses them."""
    K = len(world.channels)
    consent = np.broadcast_to(standing.consent, (K + 1, K))
    previous = np.append(np.arange(K), NO_CHANNEL)
    segment = np.full(K + 1, standing.segment)
    lost = 0.0
    for u, weight in enumerate(believed_intent(world, standing)):
        chosen = propensities(world, segment, previous, consent, u)  # (K + 1, K)
        at_risk = np.zeros(K + 1)
        at_risk[standing.previous] = 1.0
        for step in hazards_ahead(world, standing, touches, u):
            at_risk = np.append(at_risk @ (chosen * (1 - step)), 0.0)
        lost += weight * at_risk.sum()
    return float(1 - lost)


def _hazards_by_intent(world: World, segment: IntArray, channel: IntArray, interaction: IntArray) -> FloatArray:
    """Hazard of each touch at each level of intent, shape (n, L, U)."""
    n, length = channel.shape
    before = np.concatenate([np.full((n, 1), NO_CHANNEL), channel[:, :-1]], axis=1)
    return hazard(
        world,
        segment=segment[:, None, None],
        position=np.arange(1, length + 1)[:, None],
        channel=channel[:, :, None],
        interaction=interaction[:, :, None],
        previous=before[:, :, None],
        intent=np.arange(len(world.intent_share)),
    )


def _intent(
    world: World, segment: IntArray, consent: BoolArray, channel: IntArray, interaction: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Bayes: the policy knew the intent, so each channel tells of it, and so does each conversion that did not happen.

    Returns:
        P(u | channels up to and including touch k, no conversion before k), shape (n, L, U); and
        P(u | the whole journey without conversion), shape (n, U).
    """
    (n, length), U = channel.shape, len(world.intent_share)
    given = _hazards_by_intent(world, segment, channel, interaction)
    belief = np.broadcast_to(world.intent_share, (n, U))
    at_touch = np.empty((n, length, U))
    previous = np.full(n, NO_CHANNEL)
    for k in range(length):
        chosen = [propensities(world, segment, previous, consent, u)[np.arange(n), channel[:, k]] for u in range(U)]
        belief = _normalised(belief * np.stack(chosen, axis=1))
        at_touch[:, k] = belief
        belief = _normalised(belief * (1 - given[:, k]))
        previous = channel[:, k]
    return at_touch, belief


def _normalised(weights: FloatArray) -> FloatArray:
    """Rows that sum to 1; rows of zeros (padding that names a channel without consent) stay."""
    sums = weights.sum(1, keepdims=True)
    return np.asarray(weights / np.where(sums, sums, 1.0))
