"""Laws of contracts registered, examined, promoted and reproduced like any other model."""

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import RETENTION
from jobs.gate import gate
from jobs.reproduce import reproduce
from jobs.train_retention import train_retention
from ltv.contract_model import ContractModel
from ltv.renewals import Renewals
from tests.ltv.test_renewals import HIGH_END, REGULAR

COHORTS = {"regular": Renewals.of_active(REGULAR[:4]), "high end": Renewals.of_active(HIGH_END[:4])}
SBG, BDW = "shifted_beta_geometric", "beta_discrete_weibull"


def test_the_first_is_champion_with_the_quality_of_its_fit_and_a_later_one_candidate(sqlite_store: Store) -> None:
    first = train_retention(sqlite_store, COHORTS, law=SBG, who="ada")
    later = train_retention(sqlite_store, COHORTS, law=SBG, seed=1, who="ada")
    assert (first.name, first.aliases, later.aliases) == ("retention/1", ("champion",), ("candidate",))
    regular = first.metrics["cohorts"]["regular"]
    assert regular["k_hat"] < 0.7
    assert regular["effective_size"] > 400
    assert list(ContractModel.from_artifact(sqlite_store.artifact(first)).fits) == list(COHORTS)


def test_best_is_the_law_that_foresaw_renewals_best(sqlite_store: Store) -> None:
    version = train_retention(sqlite_store, COHORTS, who="ada")
    scores = version.metrics["inner_log_score"]
    assert version.model == max(scores, key=lambda law: scores[law])


def test_a_law_that_foresees_worse_than_the_champions_is_stopped_by_its_gate(sqlite_store: Store) -> None:
    # Ever more of those left do not renew: chances of one's own that never change cannot say that.
    wear = {"all": Renewals.of_active(np.array([1000.0, 990.0, 930.0, 780.0, 500.0, 200.0]))}
    train_retention(sqlite_store, wear, law=BDW, who="ada")
    candidate = train_retention(sqlite_store, wear, law=SBG, who="ada")
    report = gate(sqlite_store, RETENTION, candidate.version, who="ada")
    failed = [check for check in report.checks if not check["passed"]]
    assert not report.passed
    assert [check["figure"] for check in failed] == ["log score of renewals"]
    assert "train with --model beta_discrete_weibull" in failed[0]["said"]


def test_a_version_comes_out_again_from_its_own_counts(sqlite_store: Store) -> None:
    version = train_retention(sqlite_store, COHORTS, law=BDW, seed=5, who="ada")
    found = reproduce(sqlite_store, RETENTION, version.version, who="ada")
    assert (found.same_data, found.same_bytes, found.reproduced) == (True, True, True)


def test_an_unknown_law_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(InvalidInput, match="--model: no law named 'weibull'"):
        train_retention(sqlite_store, COHORTS, law="weibull", who="ada")
