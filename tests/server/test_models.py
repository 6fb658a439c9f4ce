"""ModelService: the register, its champion, and gates before it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from farview.store.engine import open_engine
from farview.v1 import forecast_pb2
from farview.v1 import model_pb2 as pb
from ltv.model import BtydModel
from ltv.registered import load
from tests.server.conftest import Running
from tests.server.refusals import refused
from tests.server.test_score_customers import AS_OF_DATE, history

CHECK = {"gate": "backtest", "figure": "value CRPS", "value": 0.001, "limit": 0.01, "passed": True, "said": "fine"}
ONE_CUSTOMER = history("a", [(datetime(1997, 3, 1, tzinfo=UTC), Decimal(10))])


@pytest.fixture
def two_versions(writing: Running) -> Running:
    """A register with ltv-revenue/1 (champion) and ltv-revenue/2 (candidate)."""
    first = writing.store.model_version("ltv-revenue", 1)
    model = load(writing.store.artifact(first))
    assert isinstance(model, BtydModel)
    other = replace(model, spend_draws=model.spend_draws * 1.01)
    second = writing.store.register_model(
        "ltv-revenue", first.model, other.to_artifact(), first.lineage, {"k_hat": 0.2}
    )
    writing.store.keep_gate_report(second, first, [CHECK], {"margin": 0.01}, who="test")
    return writing


def worse(running: Running) -> None:
    """The candidate's last report is bad."""
    first, second = (running.store.model_version("ltv-revenue", number) for number in (1, 2))
    failed = {**CHECK, "passed": False, "said": "value CRPS: loss against the champion +3.10 %"}
    running.store.keep_gate_report(second, first, [failed], {"margin": 0.01}, who="test")


def tamper(running: Running, path: Path, number: int) -> None:
    """Changes the stored bytes of a version behind the register's back."""
    sha256 = running.store.model_version("ltv-revenue", number).artifact_sha256
    engine = open_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE artifacts SET content = :new WHERE sha256 = :of"), {"new": b"x", "of": sha256})
    engine.dispose()


def scored_by(running: Running) -> str:
    """The version that ScoreCustomers uses when none is named."""
    request = forecast_pb2.ScoreCustomersRequest(histories=[ONE_CUSTOMER], as_of_date=AS_OF_DATE)
    return running.forecasts.ScoreCustomers(request).model_version


def promote(running: Running, request_id: str = "r1", **changes: Any) -> pb.PromoteModelVersionResponse:
    whole = {"model_version": "ltv-revenue/2", "expected_champion": "ltv-revenue/1", "reason": "better CRPS"}
    return running.models.PromoteModelVersion(
        pb.PromoteModelVersionRequest(request_id=request_id, **{**whole, **changes})
    )


def rollback(running: Running, request_id: str = "back", seen: str = "ltv-revenue/2") -> pb.RollbackModelResponse:
    return running.models.RollbackModel(
        pb.RollbackModelRequest(request_id=request_id, expected_champion=seen, reason="complaints")
    )


def test_versions_are_listed_newest_first(two_versions: Running) -> None:
    listed = two_versions.models.ListModelVersions(pb.ListModelVersionsRequest()).model_versions
    assert [version.model_version for version in listed] == ["ltv-revenue/2", "ltv-revenue/1"]


def test_versions_are_listed_page_by_page(two_versions: Running) -> None:
    first = two_versions.models.ListModelVersions(pb.ListModelVersionsRequest(page_size=1))
    request = pb.ListModelVersionsRequest(page_size=1, page_token=first.next_page_token)
    second = two_versions.models.ListModelVersions(request)
    assert [page.model_versions[0].version for page in (first, second)] == [2, 1]
    assert not second.next_page_token


def test_only_the_kind_asked_for_is_listed(two_versions: Running) -> None:
    assert not two_versions.models.ListModelVersions(pb.ListModelVersionsRequest(kind="journeys")).model_versions


def test_a_version_tells_its_lineage(reading: Running) -> None:
    version = reading.models.GetModelVersion(pb.GetModelVersionRequest(model_version="ltv-revenue/1")).model_version
    stored = reading.store.model_version("ltv-revenue", 1)
    assert version.lineage.data_snapshot_hash == stored.lineage.snapshot_hash
    assert version.artifact_sha256 == stored.artifact_sha256
    assert (version.model, list(version.aliases)) == ("bg_nbd", [pb.MODEL_ALIAS_CHAMPION])
    assert {metric.name: metric.value for metric in version.metrics}["customers"] == 300


def test_an_unknown_version_is_not_found(reading: Running) -> None:
    request = pb.GetModelVersionRequest(model_version="ltv-revenue/7")
    assert refused(lambda: reading.models.GetModelVersion(request)).code() is grpc.StatusCode.NOT_FOUND


def test_promotion_makes_the_champion(two_versions: Running) -> None:
    answer = promote(two_versions)
    assert pb.MODEL_ALIAS_CHAMPION in answer.model_version.aliases
    assert answer.previous_champion == "ltv-revenue/1"
    assert two_versions.store.champion().version == 2


def test_promotion_over_an_unseen_champion_is_aborted(two_versions: Running) -> None:
    promote(two_versions)
    error = refused(lambda: promote(two_versions, "r2", model_version="ltv-revenue/1"))
    assert error.code() is grpc.StatusCode.ABORTED


def test_a_repeated_promotion_is_answered_alike(two_versions: Running) -> None:
    first = promote(two_versions)
    assert promote(two_versions) == first


def test_promoting_an_unknown_version_is_not_found(two_versions: Running) -> None:
    error = refused(lambda: promote(two_versions, model_version="ltv-revenue/9"))
    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_a_promotion_is_in_the_audit_log_with_its_reason(two_versions: Running) -> None:
    promote(two_versions)
    entry = next(entry for entry in two_versions.store.audit_log() if entry.action == "promote")
    assert "better CRPS" in str(entry.detail)


def test_a_candidate_that_failed_its_gates_is_refused_with_the_figure(two_versions: Running) -> None:
    worse(two_versions)
    error = refused(lambda: promote(two_versions))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "backtest: value CRPS: loss against the champion +3.10 %" in str(error.details())


def test_force_promotes_past_the_gates_and_logs_what_they_said(two_versions: Running) -> None:
    worse(two_versions)
    promote(two_versions, force=True)
    assert two_versions.store.champion().version == 2
    assert "+3.10 %" in two_versions.store.audit_log()[0].detail["forced"]


def test_a_version_shows_its_gate_report(two_versions: Running) -> None:
    worse(two_versions)
    found = two_versions.models.GetModelVersion(pb.GetModelVersionRequest(model_version="ltv-revenue/2")).gate_report
    assert (found.passed, found.champion, found.created_by) == (False, "ltv-revenue/1", "test")
    assert [(check.gate, check.figure, check.value) for check in found.checks] == [("backtest", "value CRPS", 0.001)]


def test_a_version_that_nobody_examined_has_no_gate_report(two_versions: Running) -> None:
    answer = two_versions.models.GetModelVersion(pb.GetModelVersionRequest(model_version="ltv-revenue/1"))
    assert not answer.HasField("gate_report")


def test_a_rollback_brings_the_champion_before_back(two_versions: Running) -> None:
    promote(two_versions)
    answer = rollback(two_versions)
    assert (answer.model_version.model_version, answer.previous_champion) == ("ltv-revenue/1", "ltv-revenue/2")
    assert pb.MODEL_ALIAS_CHAMPION in answer.model_version.aliases
    assert scored_by(two_versions) == "ltv-revenue/1"


def test_a_repeated_rollback_is_answered_alike_and_goes_back_once(two_versions: Running) -> None:
    promote(two_versions)
    assert rollback(two_versions) == rollback(two_versions)
    assert two_versions.store.champion().version == 1


def test_a_rollback_over_an_unseen_champion_is_aborted(two_versions: Running) -> None:
    promote(two_versions)
    error = refused(lambda: rollback(two_versions, seen="ltv-revenue/1"))
    assert error.code() is grpc.StatusCode.ABORTED


def test_the_first_champion_cannot_be_rolled_back(two_versions: Running) -> None:
    error = refused(lambda: rollback(two_versions, seen="ltv-revenue/1"))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_tampered_artifact_is_not_promoted(two_versions: Running, database_file: Path) -> None:
    tamper(two_versions, database_file, 2)
    error = refused(lambda: promote(two_versions, force=True))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "sha256" in str(error.details())


def test_a_champion_tampered_with_is_refused_and_the_old_model_serves_on(
    two_versions: Running, database_file: Path
) -> None:
    assert scored_by(two_versions) == "ltv-revenue/1"
    promote(two_versions)
    tamper(two_versions, database_file, 2)
    assert scored_by(two_versions) == "ltv-revenue/1"
    assert "champion refused" in two_versions.log.getvalue()
