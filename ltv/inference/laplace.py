"""Importance draws around the mode, Pareto-smoothed: the default, as these posteriors are nearly normal on log scale.

The proposal starts as a multivariate t with the mode and curvature of the target and is moved twice to the moments that
a pilot finds, which follows the skewness that small data leave. A quarter of the draws come from a wider t, so that the
weights stay bounded where the target's tail is longer than its middle suggests. A target that is bent (as the
Pareto/NBD's ridge of death rates is) defeats that; then the draws themselves become the proposal, each kernel one of
them: West (1993), Journal of the Royal Statistical Society B 55(2), with the kernels shrunk towards the mean so that
the mixture keeps the draws' covariance.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from ltv.inference import psis
from ltv.inference.map import Mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target

FloatArray = npt.NDArray[np.float64]

DRAWS = 4096
PILOTS = 2
PILOT_DRAWS = 512
DEGREES = 5.0  # of freedom: tails heavier than the target's at little cost in the middle
WIDE_SHARE = 0.25
WIDE = 1.8  # times the scale
KERNELS = 256
BANDWIDTH = 0.5  # of a kernel, in standard deviations of the draws
ROUNDS = 3  # of kernels, while the draws cannot be trusted


def sample(target: Target, mode: Mode, rng: np.random.Generator) -> Posterior:
    """4,096 weighted draws; `k_hat` says whether to trust them (see `psis.highest_trusted_k`)."""
    proposal = _Proposal(mode.u, mode.covariance)
    for _ in range(PILOTS):
        u = proposal.draw(PILOT_DRAWS, rng)
        weights, _ = psis.smooth(target.log_density(u) - proposal.log_density(u))
        mean = weights @ u
        proposal = _Proposal(mean, ((u - mean) * weights[:, None]).T @ (u - mean))
    u = proposal.draw(DRAWS, rng)
    weights, k_hat = psis.smooth(target.log_density(u) - proposal.log_density(u))
    for _ in range(ROUNDS):
        if k_hat <= psis.highest_trusted_k(DRAWS):
            break
        kernels = _Kernels.of(u, weights, rng)
        u = kernels.draw(DRAWS, rng)
        weights, k_hat = psis.smooth(target.log_density(u) - kernels.log_density(u))
    return Posterior("laplace", u, weights, k_hat=k_hat, effective_size=psis.effective_size(weights))


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A mixture of two multivariate t with one location, the second wider."""

    location: FloatArray  # (k,)
    covariance: FloatArray  # (k, k)

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Shape (size, k); the antithetic pairs make their mean err less than that of independent draws."""
        half = size // 2
        stretch = np.sqrt(DEGREES / rng.chisquare(DEGREES, half))
        stretch[: int(WIDE_SHARE * half)] *= WIDE
        steps = (rng.standard_normal((half, len(self.location))) * stretch[:, None]) @ self._root().T
        return np.asarray(self.location + np.concatenate([steps, -steps]))

    def log_density(self, u: FloatArray) -> FloatArray:
        """At u, shape (S, k), up to a constant; returns shape (S,)."""
        size = len(self.location)
        z = solve_triangular(self._root(), (u - self.location).T, lower=True)
        squares = np.sum(z * z, axis=0) / DEGREES
        power = -0.5 * (DEGREES + size)
        narrow = np.log1p(-WIDE_SHARE) + power * np.log1p(squares)
        wide = np.log(WIDE_SHARE / WIDE**size) + power * np.log1p(squares / WIDE**2)
        return np.asarray(np.logaddexp(narrow, wide))

    def _root(self) -> FloatArray:
        """Lower triangular root of the covariance, with a jitter that matters only when a pilot all but degenerated."""
        jitter = 1e-12 * np.diag(np.diag(self.covariance)) + 1e-300 * np.eye(len(self.location))
        return np.asarray(np.linalg.cholesky(self.covariance + jitter), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Kernels:
    """A mixture of equally weighted `_Proposal`s that share a covariance."""

    locations: FloatArray  # (K, k)
    covariance: FloatArray  # (k, k) of each

    @classmethod
    def of(cls, u: FloatArray, weights: FloatArray, rng: np.random.Generator) -> Self:
        """Kernels at systematic resamples of weighted draws (S, k)."""
        mean = weights @ u
        covariance = ((u - mean) * weights[:, None]).T @ (u - mean)
        steps = (np.arange(KERNELS) + rng.uniform()) / KERNELS
        chosen = np.minimum(np.searchsorted(np.cumsum(weights), steps), len(u) - 1)
        return cls(mean + np.sqrt(1.0 - BANDWIDTH**2) * (u[chosen] - mean), BANDWIDTH**2 * covariance)

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Shape (size, k), as many from each kernel."""
        each = _Proposal(np.zeros(self.locations.shape[1]), self.covariance).draw(size, rng)
        return np.asarray(self.locations[np.arange(size) % len(self.locations)] + each)

    def log_density(self, u: FloatArray) -> FloatArray:
        """At u, shape (S, k), up to a constant; returns shape (S,)."""
        of_kernels = [_Proposal(location, self.covariance).log_density(u) for location in self.locations]
        return np.asarray(logsumexp(of_kernels, axis=0))
