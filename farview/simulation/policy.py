"""The historical policy that chose the channel of every touch in the log."""

import numpy as np

from farview.simulation.business import EXPLORATION, NO_CHANNEL, BoolArray, FloatArray, IntArray, World


def propensities(
    world: World, segment: IntArray, previous: IntArray, consent: BoolArray, intent: IntArray | int = 0
) -> FloatArray:
    """Probability of each channel for the next touch; these very numbers are sampled from and logged.

    e(c) = (1 - x) softmax(preference[g, c] + sticky [c = previous] + targeting[u, c]) + x / (permitted channels)
    over the channels the customer permits, 0 for the others; x is the exploration share.

    Args:
        world: the business.
        segment: g, shape (n,).
        previous: channel of the touch before, NO_CHANNEL for none, shape (n,).
        consent: channels the customer permits, shape (n, K).
        intent: latent level u, shape (n,) or one for all; always 0 unless the world is confounded.

    Returns:
        Shape (n, K); rows sum to 1, and to 0 for a customer who permits nothing.
    """
    odds = np.exp(world.policy.preference[segment] + world.policy.targeting[intent])
    rows = np.flatnonzero(previous != NO_CHANNEL)
    odds[rows, previous[rows]] *= np.exp(world.policy.sticky)
    odds *= consent
    permitted = consent.sum(1, keepdims=True)
    sums = odds.sum(1, keepdims=True)
    mixed = (1 - EXPLORATION) * odds / np.where(permitted, sums, 1.0) + EXPLORATION * consent / np.maximum(permitted, 1)
    return np.asarray(mixed)
