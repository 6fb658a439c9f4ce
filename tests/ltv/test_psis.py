"""Pareto-smoothed importance sampling against ArviZ and against laws with a known tail."""

import numpy as np
import pytest
from arviz import psislw

from ltv.inference import psis


def log_ratios(shape: float, size: int, seed: int) -> np.ndarray:
    """Logs of Pareto ratios with tail shape `shape`."""
    return shape * np.random.default_rng(seed).exponential(size=size)


@pytest.mark.parametrize("shape", [0.1, 0.5, 0.9])
def test_weights_and_k_hat_equal_those_of_arviz(shape: float) -> None:
    ratios = log_ratios(shape, 2000, seed=3)
    weights, k_hat = psis.smooth(ratios)
    expected_logs, expected_k = psislw(ratios, normalize=True)  # type: ignore[no-untyped-call]
    assert k_hat == pytest.approx(float(expected_k), abs=1e-6)
    assert weights == pytest.approx(np.exp(np.asarray(expected_logs)), rel=1e-6)


@pytest.mark.parametrize("shape", [0.2, 0.7, 1.1])
def test_k_hat_finds_the_tail_of_pareto_ratios(shape: float) -> None:
    k_hats = [psis.smooth(log_ratios(shape, 4096, seed))[1] for seed in range(20)]
    # 192 tail draws: one k-hat has sd about (1 + k) / sqrt(192); twenty average to a quarter of that. Level 4 sd.
    assert np.mean(k_hats) == pytest.approx(shape, abs=4 * (1 + shape) / np.sqrt(192) / np.sqrt(20) + 0.03)


def test_equal_ratios_give_equal_weights() -> None:
    weights, k_hat = psis.smooth(np.zeros(1000))
    assert weights == pytest.approx(np.full(1000, 0.001))
    assert k_hat == -np.inf


def test_ratios_that_are_almost_all_zero_are_not_trusted() -> None:
    ratios = np.full(1000, -np.inf)
    ratios[:5] = 0.0
    assert psis.smooth(ratios)[1] == np.inf


def test_the_threshold_is_that_of_the_paper() -> None:
    assert psis.highest_trusted_k(100) == pytest.approx(0.5)
    assert psis.highest_trusted_k(4096) == pytest.approx(0.7)  # 1 - 1/log10(4096) is .723


def test_effective_size_counts_equal_weights_fully() -> None:
    assert psis.effective_size(np.full(50, 0.02)) == pytest.approx(50)
