"""No-U-turn sampling by nutpie: the yardstick, and the fallback when importance draws cannot be trusted."""

from typing import Any

import arviz as az
import numpy as np
import numpy.typing as npt
import nutpie
import pymc as pm
from pytensor.configdefaults import config

from ltv.inference.posterior import Posterior

FloatArray = npt.NDArray[np.float64]

CHAINS = 4
WARM_UP = 300
DRAWS = 800  # per chain


def sample(model: pm.Model, variable: str, seed: int) -> FloatArray:
    """Draws of one vector variable of the model, shape (chains, draws, k)."""
    # Or PyTensor asks a C compiler for a BLAS that nothing here uses, and warns when there is none.
    config.blas__ldflags = ""
    compiled: Any = nutpie.compile_pymc_model(model)
    trace: Any = nutpie.sample(compiled, draws=DRAWS, tune=WARM_UP, chains=CHAINS, seed=seed, progress_bar=False)
    return np.asarray(trace.posterior[variable])


def posterior(chains: FloatArray) -> Posterior:
    """Chains of shape (chains, draws, k) as a posterior with its bulk effective size and R-hat, the worst of k each."""
    k = chains.shape[-1]
    ess = [float(az.ess(chains[..., i])) for i in range(k)]  # type: ignore[no-untyped-call]
    r_hat = [float(az.rhat(chains[..., i])) for i in range(k)]  # type: ignore[no-untyped-call]
    u = chains.reshape(-1, k)
    weights = np.full(len(u), 1 / len(u))
    return Posterior("nuts", u, weights, effective_size=min(ess), r_hat=max(r_hat))
