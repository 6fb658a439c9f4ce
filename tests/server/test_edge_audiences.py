"""What a CRM engineer expects where something is missing; the table of docs/audiences.md, row by row."""

import grpc
import pytest

from farview.client import FarviewClient, InSegment
from farview.v1 import prioritization_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

NOBODY = 'cohort = "1850-01"'


def ask(running: Running, **asked: object) -> pb.PrioritizeCustomersResponse:
    request = pb.PrioritizeCustomersRequest(**{"capacity": 5, **asked})  # type: ignore[arg-type]
    return running.prioritization.PrioritizeCustomers(request)


def test_a_segment_that_was_deleted_is_not_found_on_the_next_call(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        client.set_segment("loyal", "p_alive > 0.5")
        assert client.prioritize(5, InSegment("loyal")).candidate_count > 0
        client.delete_segment("loyal")
    assert refused(lambda: ask(writing, segment_id="loyal")).code() is grpc.StatusCode.NOT_FOUND


def test_a_cohort_of_nobody_is_an_empty_audience(reading: Running) -> None:
    answer = ask(reading, filter=NOBODY)
    assert (list(answer.customers), answer.candidate_count) == ([], 0)


def test_a_floor_of_nobody_is_refused_or_reported(reading: Running) -> None:
    floors = [{"floor_id": "none", "cohort_filter": NOBODY, "share": 0.4}]
    error = refused(lambda: ask(reading, floors=floors))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "'none' has 0 eligible candidates of 2 owed in 5 slots" in str(error.details())
    answer = ask(reading, floors=floors, on_shortfall=pb.SHORTFALL_POLICY_REPORT)
    assert (len(answer.customers), answer.floors[0].shortfall_count) == (5, 2)


def test_nobody_known_among_the_named_is_an_empty_audience_that_names_them(reading: Running) -> None:
    answer = ask(reading, customers={"customer_ids": ["who", "else"]})
    assert (list(answer.customers), list(answer.unknown_customer_ids)) == ([], ["who", "else"])


@pytest.mark.parametrize(("ids", "code"), [(20_001, "INVALID_ARGUMENT"), (1_000_000, "RESOURCE_EXHAUSTED")])
def test_too_many_ids_are_refused_before_anything_is_done(reading: Running, ids: int, code: str) -> None:
    error = refused(lambda: ask(reading, customers={"customer_ids": [f"{i:06}" for i in range(ids)]}))
    assert error.code().name == code
    if code == "INVALID_ARGUMENT":
        assert fields(error) == ["customers.customer_ids"]
