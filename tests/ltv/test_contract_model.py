"""Contracts by NUTS, and as stored."""

import numpy as np
import pytest

from farview.core.errors import ArtifactMismatch
from ltv.contract_fit import LAWS, fit_contracts
from ltv.contract_model import ContractModel, fit_model
from ltv.parts import pack
from ltv.renewals import Renewals
from tests.ltv.test_renewals import HIGH_END, REGULAR
from tests.tiers import examples

COHORTS = {"regular": Renewals.of_active(REGULAR[:8]), "high end": Renewals.of_active(HIGH_END[:8])}


@pytest.mark.parametrize("law", examples(ci=tuple(LAWS)[:1], soak=tuple(LAWS)))
def test_nuts_draws_the_posterior_that_importance_draws_stand_for(law: str) -> None:
    sampled = fit_contracts(COHORTS["high end"], LAWS[law], method="nuts", seed=1)
    weighted = fit_contracts(COHORTS["high end"], LAWS[law], seed=1)
    ours, theirs = np.log(sampled.draws), np.log(weighted.draws)
    assert (sampled.method, sampled.k_hat) == ("nuts", None)
    assert sampled.effective_size is not None
    assert sampled.effective_size > 800
    assert sampled.r_hat is not None
    assert sampled.r_hat < 1.01
    assert np.all(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 0.15 * theirs.std(axis=0))
    assert ours.std(axis=0) == pytest.approx(theirs.std(axis=0), rel=0.15)


@pytest.fixture(scope="module")
def model() -> ContractModel:
    return fit_model(COHORTS, "beta_discrete_weibull", seed=3)


def test_an_artifact_holds_every_cohort_as_it_was(model: ContractModel) -> None:
    again = ContractModel.from_artifact(model.to_artifact())
    assert (again.law, list(again.fits)) == (model.law, ["regular", "high end"])
    for name, found in model.fits.items():
        assert np.array_equal(again.fits[name].draws, found.draws)
        assert (again.fits[name].k_hat, again.fits[name].method) == (found.k_hat, found.method)
        assert np.array_equal(again.renewals[name].renewed, COHORTS[name].renewed)
    assert again.to_artifact() == model.to_artifact()


def test_two_hundred_cohorts_take_less_than_a_megabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fit_contracts(COHORTS["regular"], LAWS["beta_discrete_weibull"])
    monkeypatch.setattr("ltv.contract_model.fit_contracts", lambda *_, **__: found)
    model = fit_model({f"{k}": COHORTS["regular"] for k in range(200)}, "beta_discrete_weibull")
    assert len(found.draws) == 512
    assert len(model.to_artifact()) < 1_000_000


def test_damaged_bytes_and_foreign_laws_are_refused(model: ContractModel) -> None:
    artifact = model.to_artifact()
    with pytest.raises(ArtifactMismatch, match="damaged"):
        ContractModel.from_artifact(artifact[:-1] + bytes([artifact[-1] ^ 1]))
    with pytest.raises(ArtifactMismatch, match="no law of contracts named 'exponential'"):
        ContractModel.from_artifact(pack("exponential", {}, {}))
