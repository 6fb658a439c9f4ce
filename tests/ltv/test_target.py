"""A target is impossible, not wrong, where numbers end: samplers walk there."""

import warnings

import numpy as np

from ltv.contract_fit import LAWS
from ltv.inference.target import Target
from ltv.renewals import Renewals


def test_parameters_whose_slope_is_no_number_are_impossible_without_a_warning() -> None:
    law = LAWS["beta_discrete_weibull"]
    renewals = Renewals(np.array([100.0, 60.0, 40.0]), np.array([60.0, 40.0, 30.0]))
    target = Target(
        lambda draws: law.log_likelihood(draws, renewals),
        lambda params: law.log_likelihood_and_gradient(params, renewals),
        law.prior,
        np.zeros(3),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [target.log_density_and_gradient(u) for u in np.random.default_rng(0).normal(0, 12, (300, 3))]
    assert all(np.all(np.isfinite(gradient)) for _, gradient in found)
    impossible = [np.all(gradient == 0) for value, gradient in found if value == -np.inf]
    assert impossible
    assert all(impossible)
