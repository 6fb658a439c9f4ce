"""Fits a law of contracts to counts of renewals and registers it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.core.clock import zone
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import RETENTION, Lineage, ModelVersion
from jobs.evaluate_retention import prequential
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, library_versions
from ltv.contract_fit import LAWS, ContractFit, Method
from ltv.contract_model import ContractModel, fit_model
from ltv.inference import laplace, psis
from ltv.renewals import Renewals

BEST = "best"
"""In place of a law: the one that foresaw the renewals best, each from those before it."""

FEATURES = "cohort, renewals made, contracts at risk, contracts renewed"


def train_retention(
    store: Store,
    cohorts: Mapping[str, Renewals],
    *,
    law: str = BEST,
    method: Method = "laplace",
    seed: int = 0,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Fits a law to every cohort apart and registers it: the first becomes champion, a later one candidate.

    Args:
        store: where the model goes to; nothing is read from it but the time zone.
        cohorts: what became of the contracts of each.
        law: one of `ltv.contract_fit.LAWS`, or BEST.
        method: "laplace", "nuts" or "map".
        seed: same seed and counts, same draws.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        InvalidInput: an unknown law, or no contract came up for renewal.
    """
    if law not in (BEST, *LAWS):
        raise InvalidInput.of("--model", f"no law named {law!r} (known: {BEST}, {', '.join(LAWS)})")
    now = datetime.now(UTC)
    with store.operation(
        "train", {"kind": RETENTION, "model": law, "method": method, "seed": seed}, who=who
    ) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start(f"fitting contracts of {len(cohorts):,} cohorts")
        scores = {name: foresight(name, cohorts, seed) for name in LAWS}
        chosen = max(scores, key=lambda name: scores[name]) if law == BEST else law
        model = fit_model(cohorts, chosen, method=method, seed=seed)
        watch.done()
        lineage = Lineage(
            as_of=now.astimezone(zone(store.business().time_zone)).date(),
            known_at=now,
            snapshot_hash=counts_hash(cohorts),
            feature_schema_hash=hashlib.sha256(FEATURES.encode()).hexdigest(),
            code_version=code_version(),
            library_versions=library_versions(),
            seed=seed,
            configuration={"model": chosen, "method": method},
            who=who,
            why=why,
        )
        registered = store.register_model(RETENTION, chosen, model.to_artifact(), lineage, _metrics(model, scores))
        operation.finish({"model": registered.name})
    return registered


def foresight(law: str, cohorts: Mapping[str, Renewals], seed: int) -> float:
    """Mean log score of a renewal decision over all cohorts, each foreseen from the renewals before it."""
    decisions = {name: float(renewals.at_risk[1:].sum()) for name, renewals in cohorts.items()}
    total = sum(prequential(law, renewals, seed) * decisions[name] for name, renewals in cohorts.items())
    return total / max(sum(decisions.values()), 1.0)


def counts_hash(cohorts: Mapping[str, Renewals]) -> str:
    """sha256 of all counts."""
    told = {name: [renewals.at_risk.tolist(), renewals.renewed.tolist()] for name, renewals in cohorts.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def retention_again(artifact: bytes, lineage: Lineage) -> tuple[str, bytes]:
    """The hash of the counts that a version holds, and its artifact fitted to them again."""
    model = ContractModel.from_artifact(artifact)
    again = fit_model(model.renewals, model.law, method=lineage.configuration["method"], seed=lineage.seed)
    return counts_hash(model.renewals), again.to_artifact()


def parameters_of(artifact: bytes) -> dict[str, NDArray[Any]]:
    """Draws of each cohort."""
    return {name: found.draws for name, found in ContractModel.from_artifact(artifact).fits.items()}


def _metrics(model: ContractModel, scores: Mapping[str, float]) -> dict[str, Any]:
    return {
        "customers": sum(int(renewals.at_risk[0]) for renewals in model.renewals.values()),
        "inner_log_score": dict(scores),
        "cohorts": {name: _figures(found, model.renewals[name]) for name, found in model.fits.items()},
        "warnings": [warning for name, found in model.fits.items() for warning in _doubts(name, found)],
    }


def _figures(found: ContractFit, renewals: Renewals) -> dict[str, Any]:
    means = dict(zip(found.law.parameters, map(float, found.draws.mean(axis=0)), strict=True))
    return {
        "customers": int(renewals.at_risk[0]),
        "renewals": len(renewals.at_risk),
        "parameters": means,
        "parameters_sd": dict(zip(found.law.parameters, map(float, np.std(found.draws, axis=0)), strict=True)),
        "method": found.method,
        "k_hat": found.k_hat,
        "effective_size": found.effective_size,
        "r_hat": found.r_hat,
        "log_likelihood": found.log_likelihood,
    }


def _doubts(cohort: str, found: ContractFit) -> list[str]:
    if found.method == "quadrature" and found.k_hat is not None:
        limit = psis.highest_trusted_k(laplace.DRAWS)
        return [
            f"the posterior of cohort {cohort} is too far from normal for importance draws (k-hat {found.k_hat:.2f} is "
            f"above {limit:.2f}), so it was integrated on a grid"
        ]
    return []
