"""Weighted posterior draws and their reduction to few, equally weighted ones."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws of the unconstrained parameters, with how far they can be trusted."""

    method: str  # laplace | map | nuts
    u: FloatArray  # (S, k)
    weights: FloatArray  # (S,) summing to 1
    k_hat: float | None = None
    effective_size: float | None = None  # smallest over parameters
    r_hat: float | None = None  # largest over parameters

    def moments(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weighted mean and sd of values at the draws, shape (S, m); each of shape (m,)."""
        mean = self.weights @ values
        return mean, np.sqrt(self.weights @ (values - mean) ** 2)

    def thin(self, size: int, rng: np.random.Generator) -> FloatArray:
        """`size` equally weighted draws with the mean and covariance of all of them, shape (size, k).

        Systematic resampling along the widest direction, then the affine map that restores the first two moments, so
        that keeping few draws adds no Monte Carlo error to either.
        """
        if len(self.u) == 1:
            return self.u
        mean, covariance = _mean_and_covariance(self.u, self.weights)
        axis = np.linalg.eigh(covariance)[1][:, -1]
        order = np.argsort(self.u @ axis, kind="stable")
        steps = (np.arange(size) + rng.uniform()) / size
        chosen = order[np.minimum(np.searchsorted(np.cumsum(self.weights[order]), steps), len(order) - 1)]
        few = self.u[rng.permutation(chosen)]
        few_mean, few_covariance = _mean_and_covariance(few, np.full(size, 1 / size))
        restore = np.linalg.solve(np.linalg.cholesky(few_covariance).T, np.linalg.cholesky(covariance).T)
        return np.asarray(mean + (few - few_mean) @ restore)


def _mean_and_covariance(u: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean = weights @ u
    centred = u - mean
    return mean, (centred * weights[:, None]).T @ centred
