"""The served network is the trained one."""

import numpy as np
import torch

from journeys import lstm_step
from journeys.lstm_export import export
from journeys.lstm_step import Histories, Memory, NextTouch
from tests.journeys.models import INTERACTIONS, random_network

CHANNELS, CUSTOMERS, TOUCHES = 7, 40, 9
UNKNOWN = len(INTERACTIONS)


def random_touches(features: int, attributes: int):
    random = np.random.default_rng(3)
    return (
        random.integers(0, CHANNELS, (CUSTOMERS, TOUCHES)),
        random.integers(0, UNKNOWN + 1, (CUSTOMERS, TOUCHES)),
        random.normal(size=(CUSTOMERS, TOUCHES, features)).astype(np.float32),
        random.normal(size=(CUSTOMERS, attributes)).astype(np.float32),
    )


def both(hidden: int, touches):
    """The torch network's answers, the served weights and the same touches as histories."""
    channel, interaction, state, context = touches
    network = random_network(5, CHANNELS, hidden)
    with torch.no_grad():
        expected = network(*(torch.from_numpy(part) for part in touches))
    features = state.shape[2]
    weights = export(network, np.zeros(features, np.float32), np.ones(features, np.float32))
    starts = np.arange(CUSTOMERS) * TOUCHES
    histories = Histories(
        starts,
        starts + TOUCHES,
        channel.ravel().astype(np.int32),
        interaction.ravel().astype(np.int32),
        state.reshape(-1, features),
        context,
    )
    return [part.numpy() for part in expected], weights, histories


def test_hazards_and_next_touches_equal_those_of_torch():
    for hidden in (16, 30):  # 30: not a multiple of what the loops take at once
        (hazard, following), weights, histories = both(hidden, random_touches(15, 2))
        _, logits, next_logits = lstm_step.read(weights, histories)
        np.testing.assert_allclose(logits.reshape(hazard.shape), hazard, atol=1e-5)
        np.testing.assert_allclose(next_logits.reshape(following.shape), following, atol=1e-5)


def test_a_step_from_kept_state_equals_reading_the_whole_journey_again():
    channel, interaction, state, context = random_touches(15, 2)
    interaction[:, 5:] = UNKNOWN  # planned
    (hazard, _), weights, histories = both(16, (channel, interaction, state, context))
    memory, _, _ = lstm_step.read(weights, histories._replace(ends=histories.starts + 5))
    every = np.full((CUSTOMERS, 1), (1 << CHANNELS) - 1, np.uint64)
    for position in range(5, TOUCHES):
        logits = lstm_step.candidates(weights, memory, NextTouch(state[:, position], context, every))
        chosen = channel[:, position]
        np.testing.assert_allclose(logits[np.arange(CUSTOMERS), 0, chosen], hazard[:, position], atol=1e-5)
        memory = lstm_step.advance(weights, memory, np.zeros((CUSTOMERS, 1), np.int64), chosen[:, None])


def test_no_customers_result_depends_on_the_batch():
    _, weights, histories = both(16, random_touches(15, 2))
    together = lstm_step.read(weights, histories)[1]
    alone = [
        lstm_step.read(
            weights,
            histories._replace(
                starts=histories.starts[[row]], ends=histories.ends[[row]], context=histories.context[[row]]
            ),
        )[1][histories.starts[row] : histories.ends[row]]
        for row in range(CUSTOMERS)
    ]
    assert np.array_equal(together, np.concatenate(alone))


def test_channels_that_are_not_allowed_are_not_computed():
    _, weights, histories = both(16, random_touches(15, 2))
    memory = Memory.empty(CUSTOMERS, 2, weights)
    allowed = np.full((CUSTOMERS, 2), 0b1010, np.uint64)
    logits = lstm_step.candidates(weights, memory, NextTouch(histories.state[:CUSTOMERS], histories.context, allowed))
    assert np.array_equal(np.isfinite(logits[0, 0]), [False, True, False, True, False, False, False])


def test_state_far_outside_of_what_was_learnt_counts_as_its_edge():
    mean, scale = np.zeros(1, np.float32), np.full(1, 2.0, np.float32)
    assert lstm_step.scaled(np.array([[1e6]], np.float32), mean, scale)[0, 0] == lstm_step.FARTHEST


def test_exported_weights_stay_when_training_goes_on():
    network = random_network(5, CHANNELS, 16)
    weights = export(network, np.zeros(15, np.float32), np.ones(15, np.float32))
    before = [array.copy() for array in weights]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert all(np.array_equal(array, kept) for array, kept in zip(weights, before, strict=True))
