"""RecordTransactions: exact, idempotent, all or none."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from farview.core.clock import Cut
from farview.v1 import feedback_pb2 as pb
from tests.server.conftest import Running, eventually
from tests.server.refusals import details, refused


def sale(customer_id: str = "new", *, units: int = 10, nanos: int = 0, transaction_id: str = "") -> pb.Transaction:
    return pb.Transaction(
        customer_id=customer_id,
        transaction_id=transaction_id,
        transaction_time=Timestamp(seconds=880_000_000, nanos=123_456_000),
        amount=Money(currency_code="USD", units=units, nanos=nanos),
    )


def record(running: Running, request_id: str, *transactions: pb.Transaction) -> pb.RecordTransactionsResponse:
    request = pb.RecordTransactionsRequest(request_id=request_id, transactions=transactions)
    return running.feedback.RecordTransactions(request)


def amounts_of(running: Running, customer_id: str) -> list[float]:
    cut = Cut(datetime.now(UTC).date(), datetime.now(UTC) + timedelta(minutes=1))
    amounts: list[float] = running.store.transactions_of(cut, [customer_id]).column("amount").to_pylist()
    return sorted(amounts)


def counts(answer: pb.RecordTransactionsResponse) -> tuple[int, int, int]:
    return answer.new_count, answer.unchanged_count, answer.corrected_count


def test_transactions_are_stored_to_the_sixth_decimal(writing: Running) -> None:
    assert counts(record(writing, "r1", sale(units=12, nanos=345_678_000), sale(units=-3, nanos=-500_000_000))) == (
        2,
        0,
        0,
    )
    assert amounts_of(writing, "new") == [-3.5, 12.345678]


def test_the_same_request_is_stored_once_and_answered_alike(writing: Running) -> None:
    first, second = (record(writing, "r1", sale()) for _ in range(2))
    assert first == second
    assert amounts_of(writing, "new") == [10.0]


def test_a_request_id_with_another_body_is_refused(writing: Running) -> None:
    record(writing, "r1", sale())
    error = refused(lambda: record(writing, "r1", sale(units=11)))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert details(error)["ErrorInfo"].reason == "REQUEST_ID_REUSED"  # type: ignore[attr-defined]


def test_a_known_transaction_is_a_no_op_and_a_changed_one_a_correction(writing: Running) -> None:
    record(writing, "r1", sale(transaction_id="t1"), sale(transaction_id="t2"))
    answer = record(writing, "r2", sale(transaction_id="t1"), sale(transaction_id="t2", units=20), sale())
    assert counts(answer) == (1, 1, 1)
    assert amounts_of(writing, "new") == [10.0, 10.0, 20.0]


def test_one_bad_transaction_keeps_all_out(writing: Running) -> None:
    refused(lambda: record(writing, "r1", sale(), sale(customer_id="")))
    assert amounts_of(writing, "new") == []


def test_a_refused_request_does_not_use_up_its_id(writing: Running) -> None:
    refused(lambda: record(writing, "r1", sale(customer_id="")))
    assert counts(record(writing, "r1", sale())) == (1, 0, 0)


def test_a_write_whose_deadline_passes_while_it_waits_is_not_made(writing: Running, database_file: Path) -> None:
    request = pb.RecordTransactionsRequest(request_id="late", transactions=[sale()])
    with closing(sqlite3.connect(database_file, isolation_level=None)) as other:
        other.execute("begin immediate")
        error = refused(lambda: writing.feedback.RecordTransactions(request, timeout=0.3))
        other.execute("rollback")
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(lambda: '"method": "RecordTransactions"' in writing.log.getvalue())  # the late one has ended
    assert amounts_of(writing, "new") == []


def test_recording_needs_no_published_run(empty: Running) -> None:
    assert counts(record(empty, "r1", sale())) == (1, 0, 0)


def test_a_run_known_before_the_ingest_time_does_not_see_the_transactions(writing: Running) -> None:
    ingested = record(writing, "r1", sale()).ingest_time.ToDatetime(UTC)
    cut = Cut(datetime.now(UTC).date(), ingested - timedelta(microseconds=1))
    assert writing.store.transactions_of(cut, ["new"]).num_rows == 0


@pytest.mark.parametrize("units", [8_999_999_999, -8_999_999_999])
def test_the_largest_amounts_keep_their_last_decimal(writing: Running, units: int) -> None:
    sign = 1 if units > 0 else -1
    record(writing, "r1", sale(units=units, nanos=sign * 123_457_000))
    assert f"{amounts_of(writing, 'new')[0]:.6f}" == f"{units}.123457"
