"""RecordTouchpoints: touches and conversions, exact, idempotent, all or none."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from farview.client import Conversion, FarviewClient, Touch
from farview.core.clock import Cut
from farview.v1 import feedback_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import details, fields, refused

THEN = datetime(2025, 3, 31, 14, 5, 0, 123_456, tzinfo=UTC)
EMAIL = {"channel": "email", "interaction": "impression"}


def touch(customer_id: str = "ada", *, touchpoint_id: str = "", **changes: Any) -> pb.Touchpoint:
    return pb.Touchpoint(
        customer_id=customer_id, touchpoint_id=touchpoint_id, touchpoint_time=at(THEN), touch={**EMAIL, **changes}
    )


def conversion(customer_id: str = "ada", *, touchpoint_id: str = "", **changes: Any) -> pb.Touchpoint:
    return pb.Touchpoint(
        customer_id=customer_id, touchpoint_id=touchpoint_id, touchpoint_time=at(THEN), conversion=changes
    )


def at(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def record(running: Running, request_id: str, *touchpoints: pb.Touchpoint) -> pb.RecordTouchpointsResponse:
    return running.feedback.RecordTouchpoints(
        pb.RecordTouchpointsRequest(request_id=request_id, touchpoints=touchpoints)
    )


def counts(answer: pb.RecordTouchpointsResponse) -> tuple[int, int, int]:
    return answer.new_count, answer.unchanged_count, answer.corrected_count


def rows_of(running: Running, customer_id: str = "ada") -> list[dict[str, Any]]:
    """What the next PlanJourney for this customer sees."""
    rows: list[dict[str, Any]] = running.store.touchpoints_of([customer_id], datetime.now(UTC)).to_pylist()
    return sorted(rows, key=lambda row: (row["interaction"], row["channel"] or ""))


def test_a_touch_is_stored_as_it_was_sent(either: Running) -> None:
    assert counts(record(either, "r1", touch(propensity=0.25))) == (1, 0, 0)
    assert rows_of(either) == [
        {
            "customer_id": "ada",
            "time": THEN,
            "interaction": "impression",
            "channel": "email",
            "conversion_value": None,
            "propensity": 0.25,
        }
    ]


def test_a_conversion_needs_neither_channel_nor_value(either: Running) -> None:
    record(either, "r1", conversion())
    row = rows_of(either)[0]
    assert (row["interaction"], row["channel"], row["conversion_value"], row["propensity"]) == (
        "conversion",
        None,
        None,
        None,
    )


def test_the_value_of_a_conversion_is_stored_to_the_sixth_decimal(either: Running) -> None:
    record(either, "r1", conversion(channel="web", value=Money(currency_code="USD", units=12, nanos=345_678_000)))
    row = rows_of(either)[0]
    assert (row["channel"], row["conversion_value"]) == ("web", 12.345678)


def test_the_same_request_is_stored_once_and_answered_alike(either: Running) -> None:
    first, second = (record(either, "r1", touch(), conversion()) for _ in range(2))
    assert first == second
    assert len(rows_of(either)) == 2


def test_a_request_id_with_another_body_is_refused(empty: Running) -> None:
    record(empty, "r1", touch())
    error = refused(lambda: record(empty, "r1", touch(channel="sms")))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert details(error)["ErrorInfo"].reason == "REQUEST_ID_REUSED"  # type: ignore[attr-defined]


def test_a_known_touchpoint_is_a_no_op_and_a_changed_one_a_correction(either: Running) -> None:
    record(either, "r1", touch(touchpoint_id="t1"), touch(touchpoint_id="t2"))
    answer = record(either, "r2", touch(touchpoint_id="t1"), touch(touchpoint_id="t2", channel="sms"), touch())
    assert counts(answer) == (1, 1, 1)
    assert [row["channel"] for row in rows_of(either)] == ["email", "email", "sms"]


def test_touchpoints_without_ids_are_new_each_time(empty: Running) -> None:
    record(empty, "r1", touch(), touch())
    assert counts(record(empty, "r2", touch())) == (1, 0, 0)


def test_one_bad_touchpoint_keeps_all_out(empty: Running) -> None:
    refused(lambda: record(empty, "r1", touch(), touch(channel="")))
    assert rows_of(empty) == []


def test_a_refused_request_does_not_use_up_its_id(empty: Running) -> None:
    refused(lambda: record(empty, "r1", touch(channel="")))
    assert counts(record(empty, "r1", touch())) == (1, 0, 0)


def test_a_cut_before_the_ingest_time_does_not_see_the_touchpoints(empty: Running) -> None:
    ingested = record(empty, "r1", touch()).ingest_time.ToDatetime(UTC)
    today = datetime.now(UTC).date()
    assert empty.store.touchpoints(Cut(today, ingested - timedelta(microseconds=1))).read_all().num_rows == 0
    assert empty.store.touchpoints(Cut(today, datetime.now(UTC))).read_all().num_rows == 1


@pytest.mark.parametrize("interaction", ["conversion", "Conversion", " CONVERSION "])
def test_a_touch_that_claims_to_be_a_conversion_is_told_how_to_be_one(empty: Running, interaction: str) -> None:
    error = refused(lambda: record(empty, "r1", touch(interaction=interaction)))
    assert fields(error) == ["touchpoints[0].touch.interaction"]
    assert "send `conversion`" in error.details()


def test_the_client_records_touches_and_conversions(empty: Running) -> None:
    with FarviewClient(empty.address) as client:
        answer = client.record_touchpoints(
            [
                Touch("ada", THEN, "email", "click", propensity=0.5, touchpoint_id="t1"),
                Conversion("ada", THEN, Decimal("40.25"), "USD", channel="web"),
                Conversion("ada", THEN),
            ]
        )
    assert counts(answer) == (3, 0, 0)
    assert [(row["interaction"], row["channel"], row["conversion_value"]) for row in rows_of(empty)] == [
        ("click", "email", None),
        ("conversion", None, None),
        ("conversion", "web", 40.25),
    ]


def test_the_client_sends_the_same_write_once_by_its_request_id(empty: Running) -> None:
    with FarviewClient(empty.address) as client:
        first, second = (
            client.record_touchpoints([Touch("ada", THEN, "email", "click")], request_id="w") for _ in "ab"
        )
    assert first == second
    assert len(rows_of(empty)) == 1
