"""ModelService: the register and its champion."""

import grpc
import pytest

from farview.v1 import model_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import refused


@pytest.fixture
def two_versions(writing: Running) -> Running:
    """A register with ltv-revenue/1 (champion) and ltv-revenue/2 (candidate)."""
    first = writing.store.model_version("ltv-revenue", 1)
    writing.store.register_model(
        "ltv-revenue", first.model, writing.store.artifact(first), first.lineage, {"k_hat": 0.2}
    )
    return writing


def promote(running: Running, request_id: str = "r1", **changes: str) -> pb.PromoteModelVersionResponse:
    whole = {"model_version": "ltv-revenue/2", "expected_champion": "ltv-revenue/1", "reason": "better CRPS"}
    return running.models.PromoteModelVersion(
        pb.PromoteModelVersionRequest(request_id=request_id, **{**whole, **changes})
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
