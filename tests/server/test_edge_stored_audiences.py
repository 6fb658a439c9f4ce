"""What a job gives where something is missing; the third column of the table of docs/audiences.md, row by row."""

import io
import threading
from datetime import UTC, datetime
from typing import Any

from google.longrunning import operations_pb2
from google.rpc import code_pb2

from farview.client import CustomerProfile, FarviewClient, Said
from farview.store.audiences import StoredAudience
from farview.v1 import job_pb2
from farview.v1 import prioritization_pb2 as pb
from jobs.worker import WorkerOptions, work
from server.logs import json_logger
from tests.server.conftest import Running

NOBODY = 'cohort = "1850-01"'
FLOOR = {"floors": [{"floor_id": "none", "cohort_filter": NOBODY, "share": 0.4}]}


def asked(**changed: Any) -> pb.PrioritizeCustomersRequest:
    return pb.PrioritizeCustomersRequest(**{"capacity": 5, **changed})


def done(running: Running) -> operations_pb2.Operation:
    """The newest operation once a worker did what waits."""
    work(running.store, WorkerOptions(once=True), threading.Event(), json_logger(io.StringIO()))
    with FarviewClient(running.address) as client:
        return client.operation(f"operations/{running.store.queued_operations()[0].operation_id}")


def made(running: Running, **changed: Any) -> StoredAudience:
    with FarviewClient(running.address) as client:
        client.start_prioritization(asked(**changed))
    result = job_pb2.PrioritizationResult()
    operation = done(running)
    assert operation.response.Unpack(result), operation
    return running.store.audience(int(result.audience_id))


def members(running: Running, audience: StoredAudience) -> list[str]:
    table = running.store.audience_page(audience.audience_id, page_size=100)
    return [str(name) for name in table["customer_id"].to_pylist()]


def test_who_withdrew_consent_or_was_deleted_before_the_worker_chose_gets_no_place(writing: Running) -> None:
    before = made(writing)
    first, second, *others = members(writing, before)
    with FarviewClient(writing.address) as client:
        client.start_prioritization(asked())
        now = datetime.now(UTC)
        client.upsert_customers([CustomerProfile(first, consents=[Said("email", allowed=False, time=now)])])
        client.delete_customer(second)
    result = job_pb2.PrioritizationResult()
    assert done(writing).response.Unpack(result)
    audience = writing.store.audience(int(result.audience_id))
    assert members(writing, audience)[:3] == others
    assert (audience.customers, audience.made.barred) == (5, 1)
    assert audience.made.candidates == before.made.candidates - 1  # the forecasts of who was deleted went too


def test_a_segment_that_was_deleted_fails_the_operation_and_a_repeat_answers_the_first(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        client.set_segment("loyal", "p_alive > 0.5")
        first = client.start_prioritization(asked(segment_id="loyal"), request_id="r")
        client.delete_segment("loyal")
        assert client.start_prioritization(asked(segment_id="loyal"), request_id="r").name == first.name
    operation = done(writing)
    assert (operation.name, operation.error.code) == (first.name, code_pb2.NOT_FOUND)
    assert "loyal" in operation.error.message


def test_a_filter_of_nobody_makes_an_audience_of_nobody(writing: Running) -> None:
    audience = made(writing, filter=NOBODY)
    assert (audience.customers, audience.made.candidates) == (0, 0)


def test_a_floor_of_nobody_fails_the_operation_or_is_reported(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        client.start_prioritization(asked(**FLOOR))
    error = done(writing).error
    assert error.code == code_pb2.FAILED_PRECONDITION
    assert "'none' has 0 eligible candidates of 2 owed in 5 slots" in error.message
    audience = made(writing, **FLOOR, on_shortfall=pb.SHORTFALL_POLICY_REPORT)
    assert (audience.customers, audience.made.floors[0]["shortfall"]) == (5, 2)


def test_without_a_run_the_operation_says_what_to_run(empty: Running) -> None:
    with FarviewClient(empty.address) as client:
        client.start_prioritization(asked())
    error = done(empty).error
    assert error.code == code_pb2.FAILED_PRECONDITION
    assert "farview train ltv" in error.message


def test_without_effects_the_operation_says_what_to_run(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        client.start_prioritization(asked(score={"treatment_effect": {"action": "email"}}))
    error = done(writing).error
    assert error.code == code_pb2.FAILED_PRECONDITION
    assert "farview score --effects" in error.message
