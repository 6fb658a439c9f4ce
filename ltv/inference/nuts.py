"""No-U-turn sampling by nutpie: the yardstick, and the fallback when importance draws cannot be trusted."""

from typing import Any

import arviz as az
import numpy as np
import numpy.typing as npt
import nutpie
import pymc as pm

from ltv.inference.posterior import Posterior

FloatArray = npt.NDArray[np.float64]

CHAINS = 4
WARM_UP = 300
DRAWS = 1000  # per chain


def sample(model: pm.Model, seed: int) -> Posterior:
    """Draws of the model's `u`; bulk effective sizes and R-hat over its chains."""
    compiled: Any = nutpie.compile_pymc_model(model)
    trace = nutpie.sample(
        compiled, draws=DRAWS, tune=WARM_UP, chains=CHAINS, cores=CHAINS, seed=seed, progress_bar=False
    )
    chains = np.asarray(trace.posterior["u"])
    ess, r_hat = az.ess(trace, var_names="u")["u"], az.rhat(trace, var_names="u")["u"]
    u = chains.reshape(-1, chains.shape[-1])
    return Posterior(
        method="nuts",
        u=u,
        weights=np.full(len(u), 1 / len(u)),
        effective_size=float(ess.min()),
        r_hat=float(r_hat.max()),
    )
