"""A fitted law of contracts as stored: draws of each cohort, and the counts they were learnt from; no customers."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from farview.core.errors import ArtifactMismatch
from ltv.contract_fit import DRAWS_KEPT, LAWS, ContractFit, Method, fit_contracts
from ltv.parts import pack, unpack
from ltv.renewals import Renewals

FloatArray = npt.NDArray[np.float64]

MOST_BYTES = 900_000  # of all draws together, so that artifacts stay below 1 MB
FEWEST_DRAWS = 32


@dataclass(frozen=True, slots=True, eq=False)
class ContractModel:
    """One law, fitted to each cohort of contracts apart."""

    law: str  # one of LAWS
    fits: Mapping[str, ContractFit]  # by cohort
    renewals: Mapping[str, Renewals]  # what became of the contracts of each

    def to_artifact(self) -> bytes:
        """Equal models give equal bytes."""
        about = {
            cohort: {
                "at_risk": self.renewals[cohort].at_risk.tolist(),
                "renewed": self.renewals[cohort].renewed.tolist(),
                "mode": found.mode.tolist(),
                "log_likelihood": found.log_likelihood,
                "method": found.method,
                "k_hat": found.k_hat,
                "effective_size": found.effective_size,
                "r_hat": found.r_hat,
            }
            for cohort, found in self.fits.items()
        }
        return pack(self.law, about, {cohort: _bytes(found.draws) for cohort, found in self.fits.items()})

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact.
        """
        name, about, parts = unpack(artifact)
        if name not in LAWS:
            raise ArtifactMismatch(f"no law of contracts named {name!r}; known: {', '.join(LAWS)}")
        fits, renewals = {}, {}
        for cohort, stored in parts.items():
            told = about[cohort]
            draws = np.load(io.BytesIO(stored), allow_pickle=False)
            figures = (told[key] for key in ("log_likelihood", "method", "k_hat", "effective_size", "r_hat"))
            fits[cohort] = ContractFit(LAWS[name], draws, np.array(told["mode"]), *figures)
            renewals[cohort] = Renewals(np.array(told["at_risk"]), np.array(told["renewed"]))
        return cls(name, fits, renewals)


def fit_model(cohorts: Mapping[str, Renewals], law: str, *, method: Method = "laplace", seed: int = 0) -> ContractModel:
    """One law fitted to every cohort.

    Args:
        cohorts: what became of the contracts of each.
        law: one of LAWS.
        method: see `fit_contracts`.
        seed: same seed, same draws.
    """
    fits = {name: fit_contracts(renewals, LAWS[law], method=method, seed=seed) for name, renewals in cohorts.items()}
    room = MOST_BYTES // (8 * len(LAWS[law].parameters) * len(fits))
    if room < DRAWS_KEPT:
        fits = {name: found.with_fewer(max(room, FEWEST_DRAWS)) for name, found in fits.items()}
    return ContractModel(law, fits, cohorts)


def _bytes(draws: FloatArray) -> bytes:
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(draws), allow_pickle=False)
    return out.getvalue()
