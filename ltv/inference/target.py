"""A log posterior on unconstrained parameters: what every way of inference is given."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ltv.priors import Prior

FloatArray = npt.NDArray[np.float64]

LARGEST_LOG = 250.0  # exp(250): parameters further out than 1e108 count as impossible


@dataclass(frozen=True, slots=True)
class Target:
    """log p(u | data) up to a constant, with natural parameters floor + exp(u).

    The likelihood sees natural parameters; the prior sees u.
    """

    log_likelihood: Callable[[FloatArray], FloatArray]  # (S, k) natural -> (S,)
    log_likelihood_and_gradient: Callable[[FloatArray], tuple[float, FloatArray]]  # (k,) natural -> value, (k,)
    prior: Prior
    floor: FloatArray  # (k,) lower bounds of the natural parameters

    @property
    def dimensions(self) -> int:
        """k."""
        return len(self.floor)

    def natural(self, u: FloatArray) -> FloatArray:
        """Natural parameters of u, shape (..., k)."""
        return np.asarray(self.floor + np.exp(u))

    def log_density(self, u: FloatArray) -> FloatArray:
        """At each of u, shape (S, k); -inf where the parameters are beyond all numbers. Returns shape (S,)."""
        inside = np.all(np.abs(u) < LARGEST_LOG, axis=1)
        density = np.full(len(u), -np.inf)
        if inside.any():
            density[inside] = self.log_likelihood(self.natural(u[inside])) + self.prior.log_density(u[inside])
        density[~np.isfinite(density)] = -np.inf
        return density

    def log_density_and_gradient(self, u: FloatArray) -> tuple[float, FloatArray]:
        """At one u, shape (k,); the value is -inf where the parameters are beyond all numbers."""
        if not np.all(np.abs(u) < LARGEST_LOG):
            return -np.inf, np.zeros_like(u)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what comes of it is refused below
            value, gradient = self.log_likelihood_and_gradient(self.natural(u))
        total = value + float(self.prior.log_density(u))
        if not (np.isfinite(total) and np.all(np.isfinite(gradient))):
            return -np.inf, np.zeros_like(u)
        return total, gradient * np.exp(u) + self.prior.gradient(u)
