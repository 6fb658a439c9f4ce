"""No-U-turn sampling by nutpie: the yardstick, and the fallback when importance draws cannot be trusted.

nutpie is given the target's own compiled density and gradient, not a graph to compile: a fit starts sampling at once,
and anything that is a `Target` can be sampled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import arviz as az
import numpy as np
import numpy.typing as npt
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

from ltv.inference.map import Mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Length:
    """How long to sample."""

    chains: int = 4
    warm_up: int = 300
    draws: int = 800  # per chain


def sample(target: Target, mode: Mode, seed: int, length: Length = Length()) -> Posterior:
    """Draws of u with their bulk effective size and R-hat, the worst of k each.

    What is sampled is z, u measured from the mode in units of the curvature there. That is geometry only: it leaves
    NUTS a target of nearly independent unit normals.
    """
    root = np.linalg.cholesky(mode.covariance)

    def make_density() -> Callable[[FloatArray], tuple[float, FloatArray]]:
        def density(z: FloatArray) -> tuple[float, FloatArray]:
            value, gradient = target.log_density_and_gradient(mode.u + root @ z)
            return value, root.T @ gradient

        return density

    def make_expand(*_: Any) -> Callable[[FloatArray], dict[str, FloatArray]]:
        return lambda z: {"u": mode.u + root @ z}

    k = target.dimensions
    model: Any = from_pyfunc(
        k, make_density, make_expand, [np.dtype("float64")], [(k,)], ["u"], make_initial_point_fn=_near(k)
    )
    trace: Any = nutpie.sample(
        model, draws=length.draws, tune=length.warm_up, chains=length.chains, seed=seed, progress_bar=False
    )
    return _posterior(np.asarray(trace.posterior["u"]))


def _near(k: int) -> Callable[[int], FloatArray]:
    """Where a chain starts: a draw from the normal law around the mode."""
    return lambda seed: np.random.default_rng(seed).standard_normal(k)


def _posterior(chains: FloatArray) -> Posterior:
    """Chains of shape (chains, draws, k)."""
    k = chains.shape[-1]
    ess = [float(az.ess(chains[..., i])) for i in range(k)]  # type: ignore[no-untyped-call]
    r_hat = [float(az.rhat(chains[..., i])) for i in range(k)]  # type: ignore[no-untyped-call]
    u = chains.reshape(-1, k)
    weights = np.full(len(u), 1 / len(u))
    return Posterior("nuts", u, weights, effective_size=min(ess), r_hat=max(r_hat))
