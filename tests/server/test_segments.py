"""SegmentService: segments and guarantees are set, got, listed and deleted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from farview.client import FarviewClient, Promise
from farview.v1 import segment_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import details, fields, refused

MARCH = 'cohort = "1997-03"'


def segment(**changed: Any) -> dict[str, Any]:
    return {"segment_id": "march", "filter": MARCH, **changed}


def guarantee(**changed: Any) -> dict[str, Any]:
    return {"guarantee_id": "march", "share": 0.4, "cohort_filter": MARCH, **changed}


def put(running: Running, request_id: str = "r", **changed: Any) -> pb.Segment:
    return running.segments.SetSegment(pb.SetSegmentRequest(request_id=request_id, segment=segment(**changed))).segment


def promise(running: Running, request_id: str = "g", **changed: Any) -> pb.Guarantee:
    request = pb.SetGuaranteeRequest(request_id=request_id, guarantee=guarantee(**changed))
    return running.segments.SetGuarantee(request).guarantee


def test_a_segment_is_what_was_set(either: Running) -> None:
    told = put(either, description="bought first in March")
    assert (told.segment_id, told.filter, told.description) == ("march", MARCH, "bought first in March")
    assert either.segments.GetSegment(pb.GetSegmentRequest(segment_id="march")).segment == told
    assert told.HasField("create_time")


def test_the_same_request_changes_nothing_again(either: Running) -> None:
    first = put(either)
    put(either, "r2", filter="p_alive > 0.5")
    assert put(either) == first  # the first answer
    assert either.segments.GetSegment(pb.GetSegmentRequest(segment_id="march")).segment.filter == "p_alive > 0.5"


def test_a_request_id_with_another_segment_is_refused(either: Running) -> None:
    put(either)
    error = refused(lambda: put(either, filter="p_alive > 0.5"))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


def test_segments_come_page_by_page(empty: Running) -> None:
    for name in ("a", "b", "c"):
        put(empty, name, segment_id=name)
    page = empty.segments.ListSegments(pb.ListSegmentsRequest(page_size=2))
    assert [one.segment_id for one in page.segments] == ["a", "b"]
    rest = empty.segments.ListSegments(pb.ListSegmentsRequest(page_size=2, page_token=page.next_page_token))
    assert ([one.segment_id for one in rest.segments], rest.next_page_token) == (["c"], "")


def test_what_does_not_exist_is_not_found(empty: Running) -> None:
    calls: list[Callable[[], Message]] = [
        lambda: empty.segments.GetSegment(pb.GetSegmentRequest(segment_id="x")),
        lambda: empty.segments.DeleteSegment(pb.DeleteSegmentRequest(request_id="r", segment_id="x")),
        lambda: empty.segments.GetGuarantee(pb.GetGuaranteeRequest(guarantee_id="x")),
        lambda: empty.segments.DeleteGuarantee(pb.DeleteGuaranteeRequest(request_id="r", guarantee_id="x")),
        lambda: promise(empty, cohort_filter=None, segment_id="x"),
    ]
    assert {refused(call).code() for call in calls} == {grpc.StatusCode.NOT_FOUND}


def test_a_guarantee_has_its_defaults(either: Running) -> None:
    told = promise(either)
    assert (told.ledger_id, told.window_days, told.share, told.cohort_filter) == ("default", 7, 0.4, MARCH)
    answer = either.segments.GetGuarantee(pb.GetGuaranteeRequest(guarantee_id="march"))
    assert answer.guarantee == told
    assert not answer.HasField("standing")


def test_shares_above_one_are_refused_with_the_others_named(empty: Running) -> None:
    promise(empty)
    error = refused(lambda: promise(empty, "g2", guarantee_id="more", share=0.7))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "march (0.4)" in error.details()


def test_a_cohort_in_use_keeps_its_segment(empty: Running) -> None:
    put(empty)
    promise(empty, cohort_filter=None, segment_id="march")
    delete = pb.DeleteSegmentRequest(request_id="d", segment_id="march")
    assert refused(lambda: empty.segments.DeleteSegment(delete)).code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("segment.segment_id", {"segment_id": ""}),
        ("segment.segment_id", {"segment_id": "New Customers"}),
        ("segment.filter", {"filter": ""}),
        ("segment.filter", {"filter": "cohort == 3"}),
        ("segment.filter", {"filter": "horizon_days = 30"}),
        ("segment.description", {"description": "x" * 1_001}),
    ],
)
def test_a_bad_segment_names_its_field(empty: Running, field: str, changed: dict[str, Any]) -> None:
    error = refused(lambda: put(empty, **changed))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("guarantee.guarantee_id", {"guarantee_id": "a_b"}),
        ("guarantee.ledger_id", {"ledger_id": "A"}),
        ("guarantee.share", {"share": 0.0}),
        ("guarantee.share", {"share": 1.01}),
        ("guarantee.share", {"share": float("nan")}),
        ("guarantee.share", {"share": 0.12345678901}),
        ("guarantee.cohort_filter", {"cohort_filter": ""}),
        ("guarantee.cohort_filter", {"cohort_filter": "nobody"}),
        ("guarantee.segment_id", {"cohort_filter": None, "segment_id": "A"}),
        ("guarantee", {"cohort_filter": None}),
        ("guarantee.window_days", {"window_days": -1}),
        ("guarantee.window_days", {"window_days": 3_651}),
        ("guarantee.end_time", {"end_time": datetime.now(UTC) - timedelta(days=1)}),
    ],
)
def test_a_bad_guarantee_names_its_field(empty: Running, field: str, changed: dict[str, Any]) -> None:
    error = refused(lambda: promise(empty, **changed))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


def test_a_page_token_of_elsewhere_is_refused(empty: Running) -> None:
    error = refused(lambda: empty.segments.ListGuarantees(pb.ListGuaranteesRequest(page_token="x")))
    assert fields(error) == ["page_token"]
    assert details(error)["ErrorInfo"].reason == "INVALID_INPUT"  # type: ignore[attr-defined]


def test_the_client_keeps_and_forgets(empty: Running) -> None:
    with FarviewClient(empty.address) as client:
        client.set_segment("march", MARCH)
        client.set_guarantee(Promise("new", 1 / 3, segment_id="march", window_days=30))
        assert [one.segment_id for one in client.segments()] == ["march"]
        assert [(one.guarantee_id, one.share, one.segment_id) for one in client.guarantees()] == [
            ("new", 1 / 3, "march")
        ]
        assert client.guarantee("new").guarantee.window_days == 30
        client.delete_guarantee("new")
        client.delete_segment("march")
        assert (list(client.segments()), list(client.guarantees())) == ([], [])
