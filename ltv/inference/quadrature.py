"""The posterior of two or three parameters on a grid: exact where importance draws are not, and without a sampler."""

import numpy as np
import numpy.typing as npt

from farview.core.errors import InvalidInput
from ltv.inference.map import Mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target

FloatArray = npt.NDArray[np.float64]

POINTS = 36  # per axis
FIRST_SDS = 8.0  # half the first box, in sds of the curvature at the mode
DEPTH = 16.0  # log density below the highest point seen at which a box may end: e^-16 of it
MOST_BOXES = 12
LEAST_FILLED = 0.4  # of a box along each axis, so that points are not wasted


def integrate(target: Target, mode: Mode) -> Posterior:
    """Grid points weighted by their density, in a box that ends where the density is below e^-16 of its height.

    Args:
        target: of at most three dimensions; its density falls off in every direction, as a proper prior makes it.
        mode: where to begin.

    Raises:
        InvalidInput: no such box is found.
    """
    reach = FIRST_SDS * np.sqrt(np.diag(mode.covariance))
    low, high = mode.u - reach, mode.u + reach
    for _ in range(MOST_BOXES):
        axes = np.linspace(low, high, POINTS).T
        u = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        density = target.log_density(u)
        inside = u[density > density.max() - DEPTH]
        lowest, highest = inside.min(axis=0), inside.max(axis=0)
        width = np.maximum(highest - lowest, (high - low) / POINTS)
        low_cut, high_cut = lowest <= low, highest >= high
        if not (low_cut | high_cut).any() and np.all(width > LEAST_FILLED * (high - low)):
            weights = np.exp(density - density.max())
            heavy = density > density.max() - DEPTH
            return Posterior("quadrature", u[heavy], weights[heavy] / weights[heavy].sum())
        low = lowest - width * np.where(low_cut, 0.5, 0.1)
        high = highest + width * np.where(high_cut, 0.5, 0.1)
    raise InvalidInput.of("prior", "the posterior has no end in some direction (use proper priors)")
