"""No-U-turn sampling of a target of few parameters as it stands: its density is called, nothing is compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from ltv.inference.map import Mode
from ltv.inference.nuts import CHAINS, DRAWS, WARM_UP, posterior
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target

FloatArray = npt.NDArray[np.float64]


def sample(target: Target, mode: Mode, seed: int) -> Posterior:
    """Draws of u with bulk effective size and R-hat, in coordinates in which the mode's covariance is the unit matrix.

    Args:
        target: whose calls take microseconds; a likelihood over many rows is better compiled (`ltv.pymc_model`).
        mode: of it.
        seed: same seed, same draws.
    """
    root = np.linalg.cholesky(mode.covariance)

    def density() -> Callable[[FloatArray], tuple[float, FloatArray]]:
        def at(z: FloatArray) -> tuple[float, FloatArray]:
            with np.errstate(all="ignore"):  # far out, where nothing is known and the step is refused
                value, gradient = target.log_density_and_gradient(mode.u + root @ z)
            if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
                return -np.inf, np.zeros_like(z)
            return value, root.T @ gradient

        return at

    def expand(*_: Any) -> Callable[[FloatArray], dict[str, FloatArray]]:
        return lambda z: {"z": np.asarray(z)}

    k = target.dimensions
    compiled: Any = from_pyfunc(k, density, expand, [np.dtype(np.float64)], [(k,)], ["z"])
    # One core: the calls hold Python's lock, and chains in turn give the same draws.
    trace: Any = nutpie.sample(
        compiled, draws=DRAWS, tune=WARM_UP, chains=CHAINS, cores=1, seed=seed, progress_bar=False
    )
    return posterior(mode.u + np.asarray(trace.posterior["z"]) @ root.T)
