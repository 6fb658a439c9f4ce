"""Posteriors are calibrated: over sets drawn from the prior, the truth's rank among the draws is uniform.

Source: Talts et al. (2018), Validating Bayesian Inference Algorithms with Simulation-Based Calibration. The prior is a
narrower default one, around shops as they occur; parameters are drawn from the very prior that the fit uses. Kernels
are compiled once and see other data in each set. Done sets are kept in pytest's cache: a soak that stops goes on where
it was.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import kstest

import ltv
from farview.core.randomness import generator
from ltv.contract_fit import LAWS, covering
from ltv.families import BG_BB, PURCHASES, SPENDS
from ltv.fit import _part
from ltv.inference import laplace, psis
from ltv.inference.map import Mode, find_mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target
from ltv.priors import Prior
from ltv.renewals import Renewals
from tests.ltv.simulated import OPPORTUNITIES, purchases_of, spends_of
from tests.tiers import examples

FloatArray = npt.NDArray[np.float64]

SETS = examples(ci=4, soak=200)
CUSTOMERS = examples(ci=150, soak=1_000)
METHODS = examples(ci=("laplace",), soak=("laplace", "nuts"))
FAMILIES = {**PURCHASES, **SPENDS}
LEVEL = 0.001  # family-wise over all parameters of all models and methods, by Holm
NARROWER = 0.3  # of the prior's standard deviations: shops as they occur
PERIODS = 8  # that the oldest contracts are seen for
PLACES = 63  # draws that the truth is ranked among
LENGTH = {"chains": 2, "warm_up": 60, "draws": 64}
"""Of NUTS: ranks need independent draws, not many; half of them are kept."""


def narrowed(prior: Prior) -> Prior:
    """The prior with smaller standard deviations and no ceilings, which do not bind there."""
    return replace(prior, coordinates=tuple(replace(c, sd=c.sd * NARROWER) for c in prior.coordinates), ceilings=())


def drawn(prior: Prior, random: np.random.Generator) -> FloatArray:
    """u from the prior, (k,)."""
    weights = np.array([coordinate.weights for coordinate in prior.coordinates])
    z = np.array([random.normal(coordinate.mean, coordinate.sd) for coordinate in prior.coordinates])
    return np.asarray(np.linalg.solve(weights, z))


def of_family(name: str, truth: FloatArray, prior: Prior, random: np.random.Generator) -> tuple[Target, Mode]:
    """The posterior given customers simulated with the true parameters."""
    family, unit = FAMILIES[name], float(OPPORTUNITIES) if name == BG_BB else 1.0
    simulate = purchases_of if name in PURCHASES else spends_of
    natural = (np.array(family.floor) + np.exp(truth)) * family.units(unit)
    part = _part(family, family.rows(simulate(name, natural, CUSTOMERS, random)), prior, unit)
    return part.target, part.mode


def of_contracts(name: str, truth: FloatArray, prior: Prior, random: np.random.Generator) -> tuple[Target, Mode]:
    """The posterior given contracts simulated with the true parameters, begun 1 to 8 periods ago."""
    law = LAWS[name]
    survival = np.exp(law.log_survival(np.exp(truth)[None], np.arange(PERIODS + 1.0))[0])
    made = (random.random(CUSTOMERS)[:, None] < survival[1:]).sum(axis=1)  # renewals before the contract is given up
    seen = random.integers(1, PERIODS + 1, CUSTOMERS)
    at = np.arange(PERIODS)
    at_risk = ((made[:, None] >= at) & (seen[:, None] > at)).sum(axis=0).astype(np.float64)
    renewed = ((made[:, None] > at) & (seen[:, None] > at)).sum(axis=0).astype(np.float64)
    renewals = Renewals(at_risk, renewed)
    target = Target(
        lambda draws: law.log_likelihood(draws, renewals),
        lambda params: law.log_likelihood_and_gradient(params, renewals),
        prior,
        np.zeros(len(law.parameters)),
    )
    return target, find_mode(target, np.zeros(target.dimensions))


def posterior_of(method: str, name: str, target: Target, mode: Mode, number: int) -> Posterior:
    """By the method; where importance draws cannot be trusted by what a fit falls back on."""
    from ltv.inference import nuts

    length, seed = nuts.Length(**LENGTH), 1_000 + number
    if method == "nuts":
        return nuts.sample(target, mode, seed, length)
    posterior = laplace.sample(target, mode, generator(number, "calibration", method, name))
    if name in LAWS:
        return covering(target, posterior)
    assert posterior.k_hat is not None
    trusted = posterior.k_hat <= psis.highest_trusted_k(laplace.DRAWS)
    return posterior if trusted else nuts.sample(target, mode, seed, length)


def ranks(method: str, name: str, number: int) -> list[float]:
    """Place of the truth among the posterior's draws, in (0, 1), one a parameter."""
    random = generator(number, "calibration", name)
    prior = narrowed((LAWS if name in LAWS else FAMILIES)[name].prior)
    truth = drawn(prior, random)
    target, mode = (of_contracts if name in LAWS else of_family)(name, truth, prior, random)
    draws = posterior_of(method, name, target, mode, number).thin(PLACES, random)
    return [float(place) for place in ((draws < truth).sum(axis=0) + random.random(len(truth))) / (PLACES + 1)]


@pytest.fixture(scope="module")
def source() -> str:
    """A digest of what a posterior comes from: ranks of other code are not kept."""
    room = Path(ltv.__file__).parent
    names = ("*_likelihood.py", "gamma_gamma.py", "first_spend.py", "families.py", "priors.py", "fit.py")
    names += ("shifted_beta_geometric.py", "beta_discrete_weibull.py", "contract_fit.py", "inference/*.py")
    files = [*sorted(path for name in names for path in room.glob(name)), Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def test_the_truth_has_a_uniform_rank_in_every_posterior(source: str, pytestconfig: pytest.Config) -> None:
    problems: dict[str, float] = {}
    for method in METHODS:
        for name, model in {**FAMILIES, **LAWS}.items():
            places = []
            for number in range(SETS):
                key = f"farview/calibration/{source}/{CUSTOMERS}/{method}/{name}/{number}"
                kept = pytestconfig.cache.get(key, None) if pytestconfig.cache else None
                places.append(kept or ranks(method, name, number))
                if pytestconfig.cache and not kept:
                    pytestconfig.cache.set(key, places[-1])
            for parameter, column in zip(model.parameters, np.array(places).T, strict=True):
                problems[f"{method} {name} {parameter}"] = float(kstest(column, "uniform").pvalue)
    ordered = sorted(problems.items(), key=lambda item: item[1])
    for i, (name, p_value) in enumerate(ordered):
        if p_value > LEVEL / (len(ordered) - i):
            return
        raise AssertionError(f"{name}: ranks are not uniform (p {p_value:.1e}); next {ordered[i + 1 : i + 4]}")
