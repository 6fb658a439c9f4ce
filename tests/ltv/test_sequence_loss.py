"""The loss of sequence networks, against densities written down by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import lognorm, nbinom

from ltv import sequence_law as law
from ltv.sequence_law import read_outputs
from ltv.sequence_loss import Came, loss

SAID = np.array([[0.3, -0.4, 0.9, -0.2, 0.1, -0.3, 0.2, -2.0]])
U = 1.4


def said_of(purchases: float, gross: float, returned: float, u: float = U) -> float:
    came = Came(*(torch.tensor([[figure]], dtype=torch.float64) for figure in (u, purchases, gross, returned)))
    return float(loss(torch.from_numpy(SAID), came))


def by_hand(purchases: int, gross: float, returned: float) -> float:
    laws = read_outputs(SAID, 1.0)
    expected = law.expected_purchases(laws, np.array([U]))
    none = law.p_none(laws, expected)
    active, shape, mean = laws.active[0], laws.shape[0], expected[0, 0] / laws.active[0]
    count = active * nbinom(shape, shape / (shape + mean)).pmf(purchases) if purchases else none[0, 0]
    total = -np.log(count)
    if gross > 0:
        width = np.sqrt(np.log1p(law.value_variation(laws, expected, 1 - none)[0, 0]))
        centre = np.log(laws.spend[0] * expected[0, 0] / (1 - none[0, 0])) - 0.5 * width**2
        total -= lognorm(width, scale=np.exp(centre)).logpdf(gross)
    share = 1.0 - laws.kept[0]
    return float(total + gross * share - returned * np.log(share))


@pytest.mark.parametrize("came", [(0, 0.0, 0.0), (1, 0.7, 0.0), (3, 5.2, 1.1), (2, 0.0, 0.0)])
def test_it_is_the_likelihood_of_counts_amounts_and_returns(came: tuple[int, float, float]) -> None:
    assert said_of(*came) == pytest.approx(by_hand(*came), rel=1e-5)


def test_a_target_that_is_not_seen_counts_for_nothing() -> None:
    known, unknown = np.array([[U, 2.0, 3.0, 0.0]]), np.full((1, 4), np.nan)
    both = np.stack([known, unknown], axis=2)[0]  # (4, K)
    came = Came(*(torch.from_numpy(part[None]) for part in both))
    said = torch.from_numpy(SAID).requires_grad_()
    found = loss(said, came)
    found.backward()
    assert float(found.detach()) == pytest.approx(by_hand(2, 3.0, 0.0), rel=1e-5)
    assert said.grad is not None
    assert bool(torch.isfinite(said.grad).all())
