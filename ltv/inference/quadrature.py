"""The posterior of two or three parameters on a grid: exact where importance draws are not, and without a sampler."""

import numpy as np
import numpy.typing as npt

from farview.core.errors import InvalidInput
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target

FloatArray = npt.NDArray[np.float64]

POINTS = 48  # per axis
FIRST_SDS = 6.0  # half the first box
DEPTH = 16.0  # log density below the highest point seen at which a box may end: e^-16 of it
MOST_BOXES = 12
LEAST_FILLED = 0.4  # of a box along each axis, so that points are not wasted


def integrate(target: Target, near: Posterior) -> Posterior:
    """Grid points weighted by their density, in a box that ends where the density is below e^-16 of its height.

    The box lies along the axes in which rough draws are uncorrelated, since parameters of one law often are not.

    Args:
        target: of at most three dimensions; its density falls off in every direction, as a proper prior makes it.
        near: draws that know roughly where the target is and how it leans.

    Raises:
        InvalidInput: no such box is found.
    """
    mean = near.weights @ near.u
    root = np.linalg.cholesky(((near.u - mean) * near.weights[:, None]).T @ (near.u - mean))
    high = np.full(target.dimensions, FIRST_SDS)
    low = -high
    for _ in range(MOST_BOXES):
        axes = np.linspace(low, high, POINTS).T
        z = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        density = target.log_density(mean + z @ root.T)
        heavy = density > density.max() - DEPTH
        lowest, highest = z[heavy].min(axis=0), z[heavy].max(axis=0)
        width = np.maximum(highest - lowest, (high - low) / POINTS)
        low_cut, high_cut = lowest <= low, highest >= high
        if not (low_cut | high_cut).any() and np.all(width > LEAST_FILLED * (high - low)):
            weights = np.exp(density[heavy] - density.max())
            return Posterior("quadrature", mean + z[heavy] @ root.T, weights / weights.sum())
        low = lowest - width * np.where(low_cut, 0.5, 0.1)
        high = highest + width * np.where(high_cut, 0.5, 0.1)
    raise InvalidInput.of("prior", "the posterior has no end in some direction (use proper priors)")
