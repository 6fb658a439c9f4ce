"""StartPrioritization and ListAudienceMembers: what a worker stores is what PrioritizeCustomers would answer."""

import io
import threading
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from farview.client import FarviewClient
from farview.store.job_requests import PrioritizeEveryone
from farview.v1 import job_pb2, job_pb2_grpc
from farview.v1 import prioritization_pb2 as pb
from jobs.worker import WorkerOptions, work
from server.logs import json_logger
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

ASKED: dict[str, Any] = {
    "filter": "p_alive > 0.2",
    "capacity": 120,
    "horizon_days": 90,
    "score": {
        "conditional_tail": {"tail": 0.25, "side": pb.TAIL_SIDE_UPPER},
        "factors": [{"filter": 'cohort = "1997-01"', "factor": 0.5}],
        "fatigue": {"retained_share": 0.5},
        "contact_cost": {"currency_code": "USD", "units": 1},
    },
    "floors": [{"floor_id": "march", "cohort_filter": 'cohort = "1997-03"', "share": 0.4}],
    "on_shortfall": pb.SHORTFALL_POLICY_REPORT,
    "seed": 3,
    "contact": {"channel": "email"},
    "caps": [{"max_contacts": 2, "window_days": 7}],
}


def worked(running: Running) -> job_pb2.PrioritizationResult:
    """Lets a worker do what waits."""
    work(running.store, WorkerOptions(once=True), threading.Event(), json_logger(io.StringIO()))
    done = running.store.queued_operations()[0]
    with FarviewClient(running.address) as client:
        operation = client.operation(f"operations/{done.operation_id}")
    result = job_pb2.PrioritizationResult()
    assert operation.response.Unpack(result), operation
    return result


def test_a_stored_audience_is_the_one_that_a_call_answers(writing: Running) -> None:
    request = pb.PrioritizeCustomersRequest(**ASKED)
    answer = writing.prioritization.PrioritizeCustomers(request)
    with FarviewClient(writing.address) as client:
        client.start_prioritization(request)
        result = worked(writing)
        members = list(client.audience_members(result.audience_id))
    assert result.customer_count == len(answer.customers)
    assert [(m.place, m.customer_id, m.cohort, m.reason) for m in members] == [
        (m.place, m.customer_id, m.cohort, m.reason) for m in answer.customers
    ]
    assert [m.score for m in members] == pytest.approx([m.score for m in answer.customers])
    assert [m.expected_value_mean for m in members] == [m.expected_value.mean for m in answer.customers]


def test_members_are_paged_and_who_was_deleted_leaves_a_gap(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        client.start_prioritization(pb.PrioritizeCustomersRequest(capacity=7))
        made = worked(writing).audience_id
        client.delete_customer(next(client.audience_members(made)).customer_id)
    stub = job_pb2_grpc.JobServiceStub(writing.channel)
    asked = job_pb2.ListAudienceMembersRequest(audience_id=made, page_size=4)
    first = stub.ListAudienceMembers(asked)
    second = stub.ListAudienceMembers(
        job_pb2.ListAudienceMembersRequest(audience_id=made, page_size=4, page_token=first.next_page_token)
    )
    assert [[m.place for m in page.members] for page in (first, second)] == [[2, 3, 4, 5], [6, 7]]
    assert (first.customer_count, second.next_page_token) == (7, "")


def test_what_a_worker_reads_is_what_was_asked(empty: Running) -> None:
    with FarviewClient(empty.address) as client:
        floor = pb.ExposureFloor(floor_id="new", cohort_filter="p_alive > 0.9", share=0.2)
        client.start_prioritization(
            pb.PrioritizeCustomersRequest(
                segment_id="loyal", capacity=10_000_000, floors=[floor], exposure_unit=pb.EXPOSURE_UNIT_ATTENTION
            )
        )
    (waiting,) = empty.store.queued_operations()
    assert waiting.kind == "prioritize"
    claim = empty.store.claim_operation("w", dead_after=WorkerOptions().dead_after)
    assert claim is not None
    assert claim.request == PrioritizeEveryone(
        capacity=10_000_000, segment="loyal", floors=(("new", "p_alive > 0.9", 0.2),), by_attention=True
    )


def start(**changed: Any) -> Message:
    audience = pb.PrioritizeCustomersRequest(**{"capacity": 1, **changed})
    return job_pb2.StartPrioritizationRequest(request_id="x", audience=audience)


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("request_id", job_pb2.StartPrioritizationRequest(audience=pb.PrioritizeCustomersRequest(capacity=1))),
        ("audience.capacity", job_pb2.StartPrioritizationRequest(request_id="x")),
        ("audience.capacity", start(capacity=10_000_001)),
        (
            "audience.score.thompson.include_propensities",
            start(score={"thompson": {"include_propensities": True}}),
        ),
        ("audience.filter", start(filter="p_alive >")),
        ("audience.customers", start(customers={"customer_ids": ["a"]})),
        ("audience.guarantee_ids", start(guarantee_ids=["g"])),
        ("audience.exposure_unit", start(exposure_unit=pb.EXPOSURE_UNIT_ATTENTION)),
        ("audience.floors[0].cohort_filter", start(floors=[{"floor_id": "f", "cohort_filter": "x = 1", "share": 0.1}])),
        ("audience.score.factors[0].filter", start(score={"factors": [{"filter": "x = 1", "factor": 1}]})),
        ("audience.score.conditional_tail.tail", start(score={"conditional_tail": {"tail": 2}})),
        ("audience_id", job_pb2.ListAudienceMembersRequest(audience_id="seven")),
        ("page_size", job_pb2.ListAudienceMembersRequest(audience_id="1", page_size=10_001)),
        ("page_token", job_pb2.ListAudienceMembersRequest(audience_id="1", page_token="no")),
    ],
)
def test_what_makes_no_audience_is_named(reading: Running, field: str, request_: Message) -> None:
    stub = job_pb2_grpc.JobServiceStub(reading.channel)
    is_start = isinstance(request_, job_pb2.StartPrioritizationRequest)
    call = stub.StartPrioritization if is_start else stub.ListAudienceMembers
    assert fields(refused(lambda: call(request_))) == [field]


def test_an_unknown_audience_is_not_found(reading: Running) -> None:
    stub = job_pb2_grpc.JobServiceStub(reading.channel)
    call = job_pb2.ListAudienceMembersRequest(audience_id="9")
    assert refused(lambda: stub.ListAudienceMembers(call)).code() is grpc.StatusCode.NOT_FOUND
