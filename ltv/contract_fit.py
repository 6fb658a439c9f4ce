"""Fitting laws of a contract's length to renewals: a posterior of two or three parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ltv import beta_discrete_weibull as bdw
from ltv import shifted_beta_geometric as sbg
from ltv.inference import laplace, psis, quadrature
from ltv.inference.map import Mode, find_mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target
from ltv.priors import FLAT, Coordinate, Prior
from ltv.renewals import Renewals

FloatArray = npt.NDArray[np.float64]
Method = Literal["laplace", "nuts", "map"]

DRAWS_KEPT = 512


@dataclass(frozen=True, slots=True)
class ContractLaw:
    """A law of how many renewals a contract makes."""

    name: str
    parameters: tuple[str, ...]  # natural, all positive
    log_survival: Callable[[FloatArray, FloatArray], FloatArray]  # (S, k), (periods,) -> (S, periods)
    log_likelihood: Callable[[FloatArray, Renewals], FloatArray]  # (S, k) -> (S,)
    log_likelihood_and_gradient: Callable[[FloatArray, Renewals], tuple[float, FloatArray]]  # at (k,)
    prior: Prior  # on logarithms of the parameters


_LEAVING = (
    Coordinate("log odds of leaving at the first renewal", (1.0, -1.0), mean=-1.5, sd=1.5),
    Coordinate("log geometric mean: how alike customers are", (0.5, 0.5), mean=0.0, sd=1.5),
)
_CHANGE = Coordinate("log c: how the chance to leave changes with tenure", (0.0, 0.0, 1.0), mean=0.0, sd=0.5)

LAWS: Mapping[str, ContractLaw] = {
    law.name: law
    for law in (
        ContractLaw(
            sbg.NAME,
            sbg.PARAMETERS,
            sbg.log_survival,
            sbg.log_likelihood,
            sbg.log_likelihood_and_gradient,
            Prior(_LEAVING),
        ),
        ContractLaw(
            bdw.NAME,
            bdw.PARAMETERS,
            bdw.log_survival,
            bdw.log_likelihood,
            bdw.log_likelihood_and_gradient,
            Prior((*(Coordinate(c.name, (*c.weights, 0.0), c.mean, c.sd) for c in _LEAVING), _CHANGE)),
        ),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class ContractFit:
    """A fitted law, as equally weighted posterior draws."""

    law: ContractLaw
    draws: FloatArray  # (S, k) natural parameters; one row with map
    mode: FloatArray  # (k,)
    log_likelihood: float  # at the mode
    method: str  # used: laplace | quadrature | nuts | map
    k_hat: float | None  # Pareto shape of the importance weights, which quadrature replaces where it is too high
    effective_size: float | None = None  # of the draws behind the posterior, smallest over parameters
    r_hat: float | None = None  # largest over parameters; nuts only

    def log_survival(self, t: FloatArray) -> FloatArray:
        """log S(t) of every draw, shape (S, periods)."""
        return self.law.log_survival(self.draws, t)

    def with_fewer(self, draws: int) -> "ContractFit":
        """The same with at most so many draws, evenly taken."""
        places = np.linspace(0, len(self.draws) - 1, min(draws, len(self.draws))).round().astype(np.int64)
        return replace(self, draws=self.draws[places])

    def survival(self, t: FloatArray) -> FloatArray:
        """Expected share of contracts that make at least t renewals, shape (periods,)."""
        return np.asarray(np.exp(self.log_survival(t)).mean(axis=0))


def fit_contracts(
    renewals: Renewals, law: ContractLaw, *, method: Method = "laplace", seed: int = 0, flat_priors: bool = False
) -> ContractFit:
    """Fits one law to what became of contracts.

    Args:
        renewals: all contracts together; fit cohorts apart that are to differ.
        law: one of LAWS.
        method: laplace (importance draws around the mode; quadrature where these do not fit), nuts, or map (a single
            draw: no uncertainty).
        seed: same seed, same draws.
        flat_priors: maximum likelihood; only with map.

    Raises:
        InvalidInput: nobody was at risk, or flat priors where the likelihood has no maximum.
    """
    if not renewals.at_risk.sum() > 0:
        raise InvalidInput.of("at_risk", "no contract came up for renewal")
    if flat_priors and method != "map":
        raise InvalidInput.of("flat_priors", f"leaves no proper posterior for {method} to draw from (use map)")
    target = Target(
        log_likelihood=lambda draws: law.log_likelihood(draws, renewals),
        log_likelihood_and_gradient=lambda params: law.log_likelihood_and_gradient(params, renewals),
        prior=FLAT if flat_priors else law.prior,
        floor=np.zeros(len(law.parameters)),
    )
    mode = find_mode(target, np.zeros(target.dimensions))
    posterior = _posterior(target, mode, method, seed, law.name)
    natural = target.natural(mode.u)
    return ContractFit(
        law,
        target.natural(posterior.thin(DRAWS_KEPT, generator(seed, "ltv.contracts.thin", law.name))),
        natural,
        float(law.log_likelihood(natural[None], renewals)[0]),
        posterior.method,
        posterior.k_hat,
        posterior.effective_size,
        posterior.r_hat,
    )


def _posterior(target: Target, mode: Mode, method: Method, seed: int, law: str) -> Posterior:
    random = generator(seed, "ltv.contracts", law)
    if method == "map":
        return Posterior("map", mode.u[None], np.ones(1))
    if method == "nuts":
        from ltv.inference import nuts  # its sampler takes seconds to import

        return nuts.sample(target, mode, int(random.integers(2**31)))
    return covering(target, laplace.sample(target, mode, random))


def covering(target: Target, drawn: Posterior) -> Posterior:
    """Importance draws themselves where their k-hat can be trusted, else a grid around them (with that k-hat)."""
    if drawn.k_hat is None or drawn.k_hat <= psis.highest_trusted_k(laplace.DRAWS):
        return drawn
    return replace(quadrature.integrate(target, drawn), k_hat=drawn.k_hat)
