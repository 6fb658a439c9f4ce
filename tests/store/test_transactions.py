"""Transactions: resends, corrections, and reading the past as it was known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import Transaction, WriteCounts
from tests.tiers import examples

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def sale(customer: str, amount: str, transaction_id: str | None = None, time: datetime = NOON) -> Transaction:
    return Transaction(customer, time, Decimal(amount), "EUR", transaction_id)


def now() -> Cut:
    return Cut(date(2024, 12, 31), datetime.now(UTC))


def amounts(store: Store, cut: Cut) -> list[float]:
    return sorted(store.transactions(cut).read_all()[c.AMOUNT].to_pylist())


def test_a_resend_is_a_no_op(store: Store) -> None:
    row = sale("a", "12.5", "t1")
    store.record_transactions([row], who="shop")
    assert store.record_transactions([row], who="shop") == WriteCounts(unchanged=1)
    assert amounts(store, now()) == [12.5]


def test_a_changed_row_corrects_the_one_before(store: Store) -> None:
    store.record_transactions([sale("a", "12.5", "t1")], who="shop")
    assert store.record_transactions([sale("a", "21.5", "t1")], who="shop") == WriteCounts(corrected=1)
    assert amounts(store, now()) == [21.5]


def test_a_correction_is_in_the_audit_log(store: Store) -> None:
    store.record_transactions([sale("a", "12.5", "t1")], who="shop")
    store.record_transactions([sale("a", "21.5", "t1")], who="till")
    entry = store.audit_log()[0]
    assert (entry.action, entry.subject, entry.who) == ("correct", "transactions/t1", "till")


def test_the_past_reads_as_it_was_known_before_a_correction(store: Store) -> None:
    store.record_transactions([sale("a", "12.5", "t1")], who="shop")
    before = now()
    identity = store.snapshot_hash(before)
    store.record_transactions([sale("a", "21.5", "t1")], who="shop")
    assert amounts(store, before) == [12.5]
    assert store.snapshot_hash(before) == identity != store.snapshot_hash(now())


def test_rows_of_one_request_correct_each_other_in_their_order(store: Store) -> None:
    rows = [sale("a", "1", "t1"), sale("a", "2", "t1"), sale("a", "2", "t1"), sale("b", "5")]
    assert store.record_transactions(rows, who="shop") == WriteCounts(added=2, unchanged=1, corrected=1)
    assert amounts(store, now()) == [2.0, 5.0]


def test_rows_without_an_id_are_all_kept(store: Store) -> None:
    store.record_transactions([sale("a", "3"), sale("a", "3")], who="shop")
    assert amounts(store, now()) == [3.0, 3.0]


def test_the_as_of_day_ends_at_midnight_of_the_business_zone(store: Store) -> None:
    last_minute = datetime(2024, 1, 15, 22, 59, tzinfo=UTC)  # 23:59 in Berlin
    store.record_transactions([sale("a", "1", time=last_minute)], who="shop")
    store.record_transactions([sale("a", "2", time=last_minute + timedelta(minutes=1))], who="shop")
    assert amounts(store, Cut(date(2024, 1, 15), datetime.now(UTC))) == [1.0]
    assert store.last_event_day() == date(2024, 1, 16)


def test_times_come_back_in_utc(store: Store) -> None:
    store.record_transactions([sale("a", "1", time=NOON + timedelta(microseconds=1))], who="shop")
    assert store.transactions(now()).read_all()[c.TIME].to_pylist() == [NOON + timedelta(microseconds=1)]


def test_histories_can_be_read_for_some_customers(store: Store) -> None:
    store.record_transactions([sale("a", "1"), sale("b", "2"), sale("a%'\"", "3")], who="shop")
    assert sorted(store.transactions_of(now(), ["a", "a%'\""])[c.AMOUNT].to_pylist()) == [1.0, 3.0]


@pytest.mark.parametrize("amount", ["1e12", "NaN", "-Infinity"])
def test_an_amount_that_no_column_holds_is_named(store: Store, amount: str) -> None:
    with pytest.raises(InvalidInput, match=r"transactions\[1\].amount"):
        store.record_transactions([sale("a", "1"), sale("a", amount)], who="shop")
    assert amounts(store, now()) == []


@st.composite
def writes(draw: st.DrawFn) -> list[list[Transaction]]:
    """Requests with few ids and amounts, so that they collide."""
    rows = st.builds(
        sale, st.sampled_from("ab"), st.sampled_from(["1", "2"]), st.none() | st.sampled_from(["t1", "t2", "t3"])
    )
    return draw(st.lists(st.lists(rows, max_size=5), max_size=5))


@settings(max_examples=examples(ci=15, soak=1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=writes())
def test_ids_behave_like_a_dictionary_and_the_rest_like_a_list(store: Store, requests: list[list[Transaction]]) -> None:
    prefix = f"{uuid4()}"  # the examples share a database
    current: dict[str, tuple[str, Decimal]] = {}
    loose: list[tuple[str, Decimal]] = []
    for request in requests:
        own = [_under(row, prefix) for row in request]
        counts = store.record_transactions(own, who="shop")
        assert counts.added + counts.unchanged + counts.corrected == len(own)
        for row in own:
            if row.transaction_id is None:
                loose.append((row.customer_id, row.amount))
            else:
                current[row.transaction_id] = (row.customer_id, row.amount)
    found = store.transactions_of(now(), [f"{prefix}a", f"{prefix}b"])
    rows = zip(found[c.CUSTOMER_ID].to_pylist(), found[c.AMOUNT].to_pylist(), strict=True)
    assert sorted(rows) == sorted([*current.values(), *loose])


def _under(row: Transaction, prefix: str) -> Transaction:
    """The same row under ids that no other example uses."""
    transaction_id = None if row.transaction_id is None else prefix + row.transaction_id
    return replace(row, customer_id=prefix + row.customer_id, transaction_id=transaction_id)


def test_a_snapshot_has_the_same_hash_in_another_database_and_order(sqlite_url: str, postgres_url: str) -> None:
    from farview.store.values import Business

    rows = [sale("a", "1.25"), sale("a", "1.25"), sale("b", "-3", "t1")]
    hashes = set()
    for url, order in ((sqlite_url, rows), (postgres_url, rows[::-1])):
        store = Store.open(url)
        store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
        store.record_transactions(order, who="shop")
        hashes.add(store.snapshot_hash(now()))
        store.record_transactions(rows[:1], who="shop")
        hashes.add(store.snapshot_hash(now()))
        store.close()
    assert len(hashes) == 2  # one for the three rows, one for the four, whichever the database
