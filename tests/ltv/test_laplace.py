"""The mode and the importance draws around it, on targets whose truth is known."""

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from ltv.inference import laplace, psis
from ltv.inference.map import find_mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target
from ltv.priors import FLAT

SHAPES = np.array([3.0, 8.0])


def gamma_target(shapes: np.ndarray) -> Target:
    """Independent Gamma(shape, 1) parameters, density in their logs: natural means `shapes`, log scale skewed."""
    return Target(
        log_likelihood=lambda x: np.log(x) @ shapes - x.sum(axis=1),
        log_likelihood_and_gradient=lambda x: (float(np.log(x) @ shapes - x.sum()), shapes / x - 1),
        prior=FLAT,
        floor=np.zeros(len(shapes)),
    )


def funnel() -> Target:
    """Neal's funnel: w ~ N(0, 3), u | w ~ N(0, e^w). No ellipse covers its neck and its mouth."""

    def log_density(u: np.ndarray) -> np.ndarray:
        return np.asarray(-(u[:, 0] ** 2) / 18 - u[:, 0] - 0.5 * u[:, 1] ** 2 * np.exp(-2 * u[:, 0]))

    def gradient(u: np.ndarray) -> np.ndarray:
        squares = u[1] ** 2 * np.exp(-2 * u[0])
        return np.array([-u[0] / 9 - 1 + squares, -u[1] * np.exp(-2 * u[0])])

    return Target(
        log_likelihood=lambda x: log_density(np.log(x)),
        log_likelihood_and_gradient=lambda x: (float(log_density(np.log(x)[None])[0]), gradient(np.log(x)) / x),
        prior=FLAT,
        floor=np.zeros(2),
    )


def test_the_mode_of_a_gamma_in_its_logarithm_is_its_shape() -> None:
    target = gamma_target(SHAPES)
    assert target.natural(find_mode(target, np.array([-4.0, 6.0])).u) == pytest.approx(SHAPES, rel=1e-5)


def test_the_covariance_at_the_mode_is_the_inverse_curvature() -> None:
    assert find_mode(gamma_target(SHAPES), np.zeros(2)).covariance == pytest.approx(np.diag(1 / SHAPES), rel=1e-5)


def test_a_target_without_maximum_is_refused() -> None:
    rising = Target(lambda x: np.log(x[:, 0]), lambda x: (float(np.log(x[0])), 1 / x), FLAT, np.zeros(1))
    with pytest.raises(InvalidInput, match="no maximum"):
        find_mode(rising, np.zeros(1))


def test_importance_draws_have_the_moments_of_a_skewed_target() -> None:
    target = gamma_target(SHAPES)
    posterior = laplace.sample(target, find_mode(target, np.zeros(2)), np.random.default_rng(1))
    mean, sd = posterior.moments(target.natural(posterior.u))
    # Gamma(shape, 1): mean shape, sd sqrt(shape). Monte Carlo error sd / sqrt(effective size); level 4 sd.
    error = 4 * np.sqrt(SHAPES) / np.sqrt(posterior.effective_size)
    assert np.all(np.abs(mean - SHAPES) < error)
    assert sd == pytest.approx(np.sqrt(SHAPES), rel=0.1)


def test_a_skewed_target_is_trusted() -> None:
    target = gamma_target(SHAPES)
    posterior = laplace.sample(target, find_mode(target, np.zeros(2)), np.random.default_rng(1))
    assert posterior.k_hat is not None
    assert posterior.k_hat < psis.highest_trusted_k(laplace.DRAWS)


def test_a_target_that_no_ellipse_covers_is_not_trusted() -> None:
    target = funnel()
    posterior = laplace.sample(target, find_mode(target, np.zeros(2)), np.random.default_rng(1))
    assert posterior.k_hat is not None
    assert posterior.k_hat > psis.highest_trusted_k(laplace.DRAWS)


def test_thinning_keeps_mean_and_covariance() -> None:
    rng = np.random.default_rng(2)
    u = rng.standard_normal((4096, 3)) @ np.array([[1, 0.9, 0], [0, 0.4, 0.2], [0, 0, 2]])
    weights = rng.exponential(size=4096)
    weights /= weights.sum()
    few = Posterior("laplace", u, weights).thin(512, rng)
    mean = weights @ u
    covariance = ((u - mean) * weights[:, None]).T @ (u - mean)
    assert few.shape == (512, 3)
    assert few.mean(axis=0) == pytest.approx(mean, abs=1e-12)
    assert np.cov(few.T, bias=True) == pytest.approx(covariance, abs=1e-12)


def test_a_single_draw_is_kept_as_it_is() -> None:
    u = np.array([[0.1, 0.2]])
    assert np.array_equal(Posterior("map", u, np.ones(1)).thin(512, np.random.default_rng(0)), u)


def test_weights_correct_exactly_for_the_proposal() -> None:
    # A standard normal in four dimensions by twenty runs: the mean variance has standard error about
    # sqrt(2 / (20 * 4 * 2800)) = .003. Level 4 of these.
    target = Target(
        log_likelihood=lambda x: -0.5 * np.sum(np.log(x) ** 2, axis=1),
        log_likelihood_and_gradient=lambda x: (float(-0.5 * np.sum(np.log(x) ** 2)), -np.log(x) / x),
        prior=FLAT,
        floor=np.zeros(4),
    )
    mode = find_mode(target, np.ones(4))
    runs = [laplace.sample(target, mode, np.random.default_rng(seed)) for seed in range(20)]
    variances = [posterior.moments(posterior.u)[1] ** 2 for posterior in runs]
    assert np.mean(variances) == pytest.approx(1.0, abs=0.012)
