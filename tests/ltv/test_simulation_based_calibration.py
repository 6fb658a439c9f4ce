"""Posteriors are calibrated: over sets drawn from the prior, the truth's rank among the draws is uniform.

Source: Talts et al. (2018), Validating Bayesian Inference Algorithms with Simulation-Based Calibration. The prior is a
narrower default one, around shops as they occur; parameters are drawn from the very prior that the fit uses. Done
sets are kept in pytest's cache: a soak that stops goes on where it was.
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
from ltv.families import PURCHASES, SPENDS, Family
from ltv.fit import _part, _posteriors
from ltv.priors import Prior
from tests.ltv.simulated import purchases_of, spends_of
from tests.tiers import examples

FloatArray = npt.NDArray[np.float64]

SETS = examples(ci=4, soak=200)
CUSTOMERS = examples(ci=150, soak=1_000)
METHODS = ("laplace", "nuts") if examples(ci=0, soak=1) else ("laplace",)
FAMILIES = {**PURCHASES, **SPENDS}
LEVEL = 0.001  # family-wise over all parameters of all families and methods, by Holm
NARROWER = 0.3  # of the prior's standard deviations: shops as they occur


def narrowed(prior: Prior) -> Prior:
    """The prior with smaller standard deviations and no ceilings, which do not bind there."""
    return replace(prior, coordinates=tuple(replace(c, sd=c.sd * NARROWER) for c in prior.coordinates), ceilings=())


def drawn(prior: Prior, random: np.random.Generator) -> FloatArray:
    """u from the prior, (k,)."""
    weights = np.array([coordinate.weights for coordinate in prior.coordinates])
    z = np.array([random.normal(coordinate.mean, coordinate.sd) for coordinate in prior.coordinates])
    return np.asarray(np.linalg.solve(weights, z))


def ranks(family: Family, method: str, number: int) -> list[float]:
    """Place of the truth among the posterior's draws, in (0, 1), one a parameter."""
    random, prior = generator(number, "calibration", family.name), narrowed(family.prior)
    truth = drawn(prior, random)
    simulate = purchases_of if family.name in PURCHASES else spends_of
    table = simulate(family.name, np.array(family.floor) + np.exp(truth), CUSTOMERS, random)
    part = _part(family, family.rows(table), prior, 1.0)
    posteriors, _ = _posteriors({"purchases": part}, method, number)  # type: ignore[arg-type]
    draws = posteriors["purchases"].thin(511, random)
    return [float(place) for place in ((draws < truth).sum(axis=0) + random.random(len(truth))) / 512]


@pytest.fixture(scope="module")
def source() -> str:
    """A digest of the room: ranks of other code are not kept."""
    files = sorted(Path(ltv.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def test_the_truth_has_a_uniform_rank_in_every_posterior(source: str, pytestconfig: pytest.Config) -> None:
    problems: dict[str, float] = {}
    for method in METHODS:
        for name, family in FAMILIES.items():
            places = []
            for number in range(SETS):
                key = f"farview/calibration/{source}/{CUSTOMERS}/{method}/{name}/{number}"
                kept = pytestconfig.cache.get(key, None) if pytestconfig.cache else None
                places.append(kept or ranks(family, method, number))
                if pytestconfig.cache and not kept:
                    pytestconfig.cache.set(key, places[-1])
            for parameter, column in zip(family.parameters, np.array(places).T, strict=True):
                problems[f"{method} {name} {parameter}"] = float(kstest(column, "uniform").pvalue)
    ordered = sorted(problems.items(), key=lambda item: item[1])
    for i, (name, p_value) in enumerate(ordered):
        if p_value > LEVEL / (len(ordered) - i):
            return
        raise AssertionError(f"{name}: ranks are not uniform (p {p_value:.1e}); next {ordered[i + 1 : i + 4]}")
