"""The recurrent network of item sequences: numpy serves what torch learnt, and order is what it learns."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from farview.core.errors import InvalidInput
from ranking.item_sequences import LONGEST, ItemSequences
from ranking.item_sequences_fit import SequenceOptions, _Network, fit_item_sequences
from ranking.next_item import Histories

ITEMS = 24


def walks(customers: int, seed: int, length: int = 6) -> Histories:
    """Each customer starts somewhere on a ring and mostly buys the item after the last."""
    random = np.random.default_rng(seed)
    steps = np.where(random.random((customers, length)) < 0.9, 1, random.integers(0, ITEMS, (customers, length)))
    items = (random.integers(0, ITEMS, (customers, 1)) + np.cumsum(steps, axis=1)) % ITEMS
    return Histories.of(np.repeat(np.arange(customers), length), items.ravel(), (customers, ITEMS))


@pytest.fixture(scope="module")
def fitted() -> ItemSequences:
    return fit_item_sequences(walks(250, 1), SequenceOptions(units=24, rate=0.02, most_epochs=15))


def test_the_item_after_the_last_comes_first(fitted: ItemSequences) -> None:
    fresh = walks(100, 2)
    best = fitted.scores(fresh, np.arange(100)).argmax(axis=1)
    assert (best == (fresh.last_item + 1) % ITEMS).mean() > 0.9


def test_numpy_scores_as_torch_does(fitted: ItemSequences) -> None:
    histories = walks(7, 3)
    network = _Network(ITEMS, SequenceOptions(units=24))
    w = {name: torch.from_numpy(np.array(value)) for name, value in fitted.weights.items()}
    gates = {"weight_ih_l0": w["into"], "weight_hh_l0": w["back"], "bias_ih_l0": w["into_bias"]}
    state = {f"gru.{name}": value for name, value in gates.items()} | {"gru.bias_hh_l0": w["back_bias"]}
    network.load_state_dict({**state, "items.weight": w["items"], "item_bias": w["item_bias"]})
    network.eval()
    tokens, _ = histories.last_items(np.arange(7), LONGEST)
    with torch.no_grad():
        expected = network(torch.from_numpy(tokens))[:, -1].numpy()
    assert fitted.scores(histories, np.arange(7)) == pytest.approx(expected, abs=1e-4)


def test_a_score_does_not_depend_on_who_else_is_asked_about(fitted: ItemSequences) -> None:
    short, long = walks(1, 4, 2), walks(1, 5, 9)
    customer = np.repeat([0, 1], [2, 9])
    both = Histories.of(customer, np.concatenate([short.items, long.items]), (2, ITEMS))
    together = fitted.scores(both, np.array([0, 1]))
    assert together[0] == pytest.approx(fitted.scores(short, np.array([0]))[0], abs=1e-5)


def test_who_bought_nothing_gets_what_is_bought_anyway(fitted: ItemSequences) -> None:
    nobody = Histories.of(np.array([], np.int64), np.array([], np.int64), (1, ITEMS))
    assert fitted.scores(nobody, np.array([0]))[0] == pytest.approx(fitted.weights["item_bias"])


def test_the_same_histories_and_seed_give_the_same_bytes() -> None:
    options = SequenceOptions(units=8, most_epochs=2)
    first, again = (fit_item_sequences(walks(60, 6), options) for _ in range(2))
    assert first.to_artifact() == again.to_artifact()


def test_a_stored_network_scores_the_same(fitted: ItemSequences) -> None:
    histories = walks(5, 7)
    read = ItemSequences.from_artifact(fitted.to_artifact())
    assert np.array_equal(read.scores(histories, np.arange(5)), fitted.scores(histories, np.arange(5)))


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InvalidInput, match="train it again"):
        ItemSequences.from_artifact(save({"items": np.zeros((1, 1))}))


def test_too_few_sequences_are_refused() -> None:
    one_each = Histories.of(np.arange(40), np.arange(40) % ITEMS, (40, ITEMS))
    with pytest.raises(InvalidInput, match="hold 0 with two items or more"):
        fit_item_sequences(one_each)
