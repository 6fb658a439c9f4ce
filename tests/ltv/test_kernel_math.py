"""The vectorised exp and log are those of the C library, to a unit or two in the last place."""

import numpy as np

from ltv.kernel_math import exp_in_place, log_in_place


def test_exp_is_within_2_ulp() -> None:
    random = np.random.default_rng(1)
    x = np.concatenate([random.uniform(-707.0, 708.0, 200_000), random.uniform(-1e-3, 1e-3, 100_000), [0.0]])
    y = x.copy()
    exp_in_place(y)
    assert np.max(np.abs(y - np.exp(x)) / np.spacing(np.exp(x))) <= 2.0


def test_log_is_within_2_ulp() -> None:
    random = np.random.default_rng(2)
    x = np.concatenate([np.exp(random.uniform(-690.0, 700.0, 200_000)), random.uniform(0.5, 2.0, 100_000)])
    y = x.copy()
    log_in_place(y)
    assert np.max(np.abs(y - np.log(x)) / np.spacing(np.abs(np.log(x)))) <= 2.0


def test_exp_is_0_far_below_and_finite_far_above() -> None:
    x = np.array([-1e9, -709.0, 710.0, 1e9])
    exp_in_place(x)
    assert np.all(x[:2] == 0.0)
    assert np.all(np.isfinite(x[2:]) & (x[2:] > 1e300))
