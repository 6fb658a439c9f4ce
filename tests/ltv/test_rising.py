"""Rising factorials against exact values."""

import math

import numpy as np
import pytest
from scipy import special

from ltv.rising import digamma, log_rising


@pytest.mark.parametrize("z", [1e-8, 0.2426, 1.0, 31.9, 1e3, 1e10])
def test_log_rising_and_its_slope_equal_exactly_rounded_sums(z: float) -> None:
    counts = np.array([0, 1, 2, 7, 65, 200, 10_000, 10_003], dtype=np.int64)
    value, slope = np.empty(len(counts)), np.empty(len(counts))
    log_rising(z, counts, value, slope)
    exact = [math.fsum(math.log(z + j) for j in range(n)) for n in counts.tolist()]
    exact_slope = [math.fsum(1 / (z + j) for j in range(n)) for n in counts.tolist()]
    assert value == pytest.approx(exact, rel=1e-12, abs=1e-14)
    assert slope == pytest.approx(exact_slope, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("z", [1e-6, 0.3, 1.0, 5.5, 31.99, 32.0, 1e4, 1e12])
def test_digamma_equals_that_of_scipy(z: float) -> None:
    assert digamma(z) == pytest.approx(special.digamma(z), rel=1e-12)
    assert math.isfinite(digamma(z))
