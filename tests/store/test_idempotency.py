"""A write over RPC happens once, whatever the network does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from farview.core.clock import Cut
from farview.core.errors import AlreadyExists
from farview.store.store import Store
from farview.store.values import Transaction, WriteRequest
from farview.store.writer import Writer

REQUEST = WriteRequest("r-1", "RecordTransactions", "h" * 64)
SALE = Transaction("a", datetime(2024, 1, 15, tzinfo=UTC), Decimal(5), "EUR")


def record(writer: Writer) -> bytes:
    return str(writer.record_transactions([SALE], who="shop").added).encode()


def sales(store: Store) -> int:
    return store.transactions(Cut(date(2024, 12, 31), datetime.now(UTC))).read_all().num_rows


def test_a_repeat_gets_the_first_answer_and_writes_nothing(store: Store) -> None:
    assert [store.once(REQUEST, record), store.once(REQUEST, record)] == [b"1", b"1"]
    assert sales(store) == 1


@pytest.mark.parametrize(
    "other", [WriteRequest("r-1", "RecordTransactions", "x" * 64), WriteRequest("r-1", "Promote", "h" * 64)]
)
def test_another_body_or_method_under_the_same_id_is_refused(store: Store, other: WriteRequest) -> None:
    store.once(REQUEST, record)
    with pytest.raises(AlreadyExists, match="r-1"):
        store.once(other, record)
    assert sales(store) == 1


def test_a_write_that_fails_is_not_remembered(store: Store) -> None:
    def fail(writer: Writer) -> bytes:
        record(writer)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.once(REQUEST, fail)
    assert sales(store) == 0
    assert store.once(REQUEST, record) == b"1"


def test_eight_simultaneous_calls_write_once(store: Store) -> None:
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: store.once(REQUEST, record), range(8)))
    assert answers == [b"1"] * 8
    assert sales(store) == 1


def test_simultaneous_requests_for_one_transaction_id_leave_one_current_row(store: Store) -> None:
    def call(amount: int) -> None:
        sale = Transaction("a", SALE.time, Decimal(amount), "EUR", "t1")
        store.record_transactions([sale], who="shop")

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(call, range(8)))
    assert sales(store) == 1
