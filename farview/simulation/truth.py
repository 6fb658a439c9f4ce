"""What is true of journeys: exact probabilities, not estimates."""

import numpy as np

from farview.simulation.policy import propensities
from farview.simulation.world import CLICK, HAZARD_CEILING, BoolArray, FloatArray, IntArray, World

Index = IntArray | int


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
    """Hazard of a touch still to be sent: whether it is a click is not known yet, so that is averaged out.

    Exact inside a path too, because a click depends on nothing but its channel and changes no later touch.
    """
    chance = world.journey.click_probability[channel]
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
    return np.asarray((1 - chance) * seen + chance * clicked)


def observed_hazards(
    world: World, segment: IntArray, consent: BoolArray, channel: IntArray, interaction: IntArray
) -> FloatArray:
    """Hazard of every touch given all that the log shows up to it: the best that any model of the log can do.

    Without confounding this is `hazard`. With it, the latent intent is integrated over its posterior given the
    channels chosen so far (the policy knew the intent) and the conversions that did not happen (Bayes, exact).

    Args:
        world: the business.
        segment: shape (n,).
        consent: shape (n, K).
        channel: shape (n, L): the journey, padded at its end with any channel.
        interaction: shape (n, L).

    Returns:
        Shape (n, L); meaningless where padded.
    """
    n, length = channel.shape
    believed = np.broadcast_to(world.intent_share, (n, len(world.intent_share))).copy()
    previous = np.full(n, -1)
    result = np.empty((n, length))
    for k in range(length):
        given = np.empty_like(believed)
        for u in range(believed.shape[1]):
            chosen = propensities(world, segment, previous, consent, u)
            believed[:, u] *= chosen[np.arange(n), channel[:, k]]
            given[:, u] = hazard(
                world,
                segment=segment,
                position=k + 1,
                channel=channel[:, k],
                interaction=interaction[:, k],
                previous=previous,
                intent=u,
            )
        with np.errstate(invalid="ignore"):  # padding may name a channel that the customer does not permit
            believed /= believed.sum(1, keepdims=True)
        result[:, k] = (believed * given).sum(1)
        believed *= 1 - given
        previous = channel[:, k]
    return result
