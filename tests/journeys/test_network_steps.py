"""The served networks are the trained ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from farview.features.journey_state import STATE_COLUMNS
from journeys import recurrent_step, transformer_step
from journeys.inputs import FARTHEST, Histories, NextTouch, scaled
from journeys.recurrent_export import export
from journeys.training import NETWORKS
from journeys.transformer_step import REACH
from tests.journeys.models import INTERACTIONS, random_network

CHANNELS, CUSTOMERS, TOUCHES = 7, 40, 9
UNKNOWN = len(INTERACTIONS)
STEPS: dict[str, Any] = {"lstm": recurrent_step, "gru": recurrent_step, "transformer": transformer_step}

every_network = pytest.mark.parametrize("kind", NETWORKS)


def test_every_network_that_can_be_trained_is_tested_here():
    assert STEPS.keys() == NETWORKS.keys()


def random_touches(customers: int = CUSTOMERS, touches: int = TOUCHES):
    random = np.random.default_rng(3)
    return (
        random.integers(0, CHANNELS, (customers, touches)),
        random.integers(0, UNKNOWN + 1, (customers, touches)),
        random.uniform(-FARTHEST, FARTHEST, (customers, touches, len(STATE_COLUMNS))).astype(np.float32),
        random.normal(size=(customers, 2)).astype(np.float32),
    )


@dataclass(frozen=True)
class Both:
    """The torch network's answers, the served weights and the same touches as histories."""

    hazard: np.ndarray
    following: np.ndarray
    step: Any
    weights: Any
    histories: Histories

    def read(self, **changes: Any) -> Any:
        return self.step.read(self.weights, self.histories._replace(**changes))


def both(kind: str, touches, hidden: int = 16) -> Both:
    channel, interaction, state, context = touches
    network = random_network(5, CHANNELS, hidden, kind)
    with torch.no_grad():
        hazard, following = network(*(torch.from_numpy(part) for part in touches))
    features = state.shape[2]
    weights = NETWORKS[kind].export(network, np.zeros(features, np.float32), np.ones(features, np.float32))
    n, length = channel.shape
    starts = np.arange(n) * length
    histories = Histories(
        starts,
        starts + length,
        channel.ravel().astype(np.int32),
        interaction.ravel().astype(np.int32),
        state.reshape(-1, features),
        context,
    )
    return Both(hazard.numpy(), following.numpy(), STEPS[kind], weights, histories)


@every_network
def test_hazards_and_next_touches_equal_those_of_torch(kind):
    for hidden in (16, 30):  # 30: not a multiple of what the loops take at once
        pair = both(kind, random_touches(), hidden)
        _, logits, next_logits = pair.read()
        np.testing.assert_allclose(logits.reshape(pair.hazard.shape), pair.hazard, atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(next_logits.reshape(pair.following.shape), pair.following, atol=1e-5, rtol=1e-5)


def test_a_transformer_forgets_touches_out_of_its_reach_as_torch_does():
    pair = both("transformer", random_touches(3, REACH + 20))
    np.testing.assert_allclose(pair.read()[1].reshape(pair.hazard.shape), pair.hazard, atol=1e-5, rtol=1e-5)


@every_network
@pytest.mark.parametrize("past", [0, 5])
def test_a_step_from_kept_state_equals_reading_the_whole_journey_again(kind, past):
    stepped_equals_whole(kind, random_touches(), past)


def test_a_step_of_a_transformer_equals_the_whole_where_its_reach_ends_in_the_past_or_in_the_plan():
    stepped_equals_whole("transformer", random_touches(3, REACH + 15), REACH + 7)


def stepped_equals_whole(kind, touches, past):
    channel, interaction, state, context = touches
    n, length = channel.shape
    interaction[:, past:] = UNKNOWN  # planned
    pair = both(kind, touches)
    planned = {"planned": length - past} if kind == "transformer" else {}
    memory, _, _ = pair.step.read(pair.weights, pair.histories._replace(ends=pair.histories.starts + past), **planned)
    every = np.full((n, 1), (1 << CHANNELS) - 1, np.uint64)
    for position in range(past, length):
        logits = pair.step.candidates(pair.weights, memory, NextTouch(state[:, position], context, every))
        chosen = channel[:, position]
        np.testing.assert_allclose(logits[np.arange(n), 0, chosen], pair.hazard[:, position], atol=2e-5, rtol=1e-5)
        memory = pair.step.advance(pair.weights, memory, np.zeros((n, 1), np.int64), chosen[:, None])


@every_network
def test_a_journey_goes_on_from_the_parent_that_was_chosen(kind):
    _, _, state, context = random_touches()
    pair = both(kind, random_touches())
    planned = {"planned": 3} if kind == "transformer" else {}
    memory, _, _ = pair.step.read(pair.weights, pair.histories._replace(ends=pair.histories.starts + 2), **planned)
    first = np.full((CUSTOMERS, 1), (1 << CHANNELS) - 1, np.uint64)
    pair.step.candidates(pair.weights, memory, NextTouch(state[:, 2], context, first))
    forked = pair.step.advance(
        pair.weights, memory, np.zeros((CUSTOMERS, 2), np.int64), np.tile([1, 4], (CUSTOMERS, 1))
    )
    swapped = np.tile([1, 0], (CUSTOMERS, 1))
    second = np.full((CUSTOMERS, 2), (1 << CHANNELS) - 1, np.uint64)
    touch = NextTouch(state[:, 3], context, second)
    pair.step.candidates(pair.weights, forked, touch)
    again = pair.step.advance(pair.weights, forked, swapped, np.tile([2, 2], (CUSTOMERS, 1)))
    straight = pair.step.advance(pair.weights, forked, swapped[:, ::-1], np.tile([2, 2], (CUSTOMERS, 1)))
    touch = NextTouch(state[:, 4], context, second)
    one, other = (pair.step.candidates(pair.weights, kept, touch) for kept in (again, straight))
    assert np.array_equal(one[:, 0], other[:, 1])
    assert not np.allclose(one[:, 0], one[:, 1])


@every_network
def test_no_customers_result_depends_on_the_batch(kind):
    pair = both(kind, random_touches())
    starts, ends, context = pair.histories.starts, pair.histories.ends, pair.histories.context
    alone = [
        pair.read(starts=starts[[row]], ends=ends[[row]], context=context[[row]])[1][starts[row] : ends[row]]
        for row in range(CUSTOMERS)
    ]
    assert np.array_equal(pair.read()[1], np.concatenate(alone))


@every_network
def test_channels_that_are_not_allowed_are_not_computed(kind):
    pair = both(kind, random_touches())
    memory = pair.read()[0]
    allowed = np.full((CUSTOMERS, 1), 0b1010, np.uint64)
    touch = NextTouch(pair.histories.state[:CUSTOMERS], pair.histories.context, allowed)
    logits = pair.step.candidates(pair.weights, memory, touch)
    assert np.array_equal(np.isfinite(logits[0, 0]), [False, True, False, True, False, False, False])


def test_state_far_outside_of_what_was_learnt_counts_as_its_edge():
    mean, scale = np.zeros(1, np.float32), np.full(1, 2.0, np.float32)
    assert scaled(np.array([[1e6]], np.float32), mean, scale)[0, 0] == FARTHEST


def test_exported_weights_stay_when_training_goes_on():
    network = random_network(5, CHANNELS, 16)
    weights = export(network, np.zeros(len(STATE_COLUMNS), np.float32), np.ones(len(STATE_COLUMNS), np.float32))
    before = [array.copy() for array in weights]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert all(np.array_equal(array, kept) for array, kept in zip(weights, before, strict=True))
