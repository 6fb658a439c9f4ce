"""Networks served without torch: equal to torch, and to themselves in any batch."""

import numpy as np
import pytest
import torch

from ltv.sequence_fit import NETWORKS
from ltv.sequence_inputs import LONGEST, TOKEN, Tokens
from ltv.sequence_network import Weights, outputs

ROWS = 60


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return NETWORKS[request.param](0.1).eval()


@pytest.fixture(scope="module")
def weights(network: torch.nn.Module) -> Weights:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    rng = np.random.default_rng(5)
    now = np.append(rng.integers(1, LONGEST, ROWS - 1), LONGEST)
    events = rng.normal(size=(ROWS, LONGEST + 1, len(TOKEN))).astype(np.float32)
    return Tokens(events * (np.arange(LONGEST + 1) <= now[:, None])[..., None], now)


def test_served_and_trained_networks_agree(network: torch.nn.Module, weights: Weights, tokens: Tokens) -> None:
    with torch.no_grad():
        wanted = network(torch.from_numpy(tokens.events), torch.from_numpy(tokens.now)).numpy()
    assert outputs(weights, tokens) == pytest.approx(wanted, abs=1e-5)


def test_a_customers_outputs_do_not_depend_on_the_batch(weights: Weights, tokens: Tokens) -> None:
    whole, order = outputs(weights, tokens), np.random.default_rng(6).permutation(ROWS)
    assert np.array_equal(outputs(weights, Tokens(tokens.events[order], tokens.now[order])), whole[order])
    alone = [outputs(weights, tokens.take(np.array([row]))) for row in range(5)]
    assert np.array_equal(np.concatenate(alone), whole[:5])


def test_nothing_after_the_present_is_read(network: torch.nn.Module, weights: Weights, tokens: Tokens) -> None:
    after = np.arange(LONGEST + 1) > tokens.now[:, None]
    planted = np.where(after[..., None], np.float32(9.0), tokens.events)
    assert np.array_equal(outputs(weights, Tokens(planted, tokens.now)), outputs(weights, tokens))
    with torch.no_grad():
        read = [network(torch.from_numpy(events), torch.from_numpy(tokens.now)) for events in (planted, tokens.events)]
    assert torch.allclose(*read, atol=1e-6)
