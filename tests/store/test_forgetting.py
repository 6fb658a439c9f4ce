"""A customer who is forgotten is in no row of any table any more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import Boolean, Date, Integer, LargeBinary, String, Table, insert, select

from farview.core.errors import NotFound
from farview.store.catalog import DescribedCustomer, SaidConsent
from farview.store.engine import write
from farview.store.forgetting import Forgotten
from farview.store.promises import GuaranteeTerms, NewSlot, Reservation
from farview.store.schema import METADATA
from farview.store.store import Store
from farview.store.types import UtcDateTime
from farview.store.values import JOURNEYS, Answered, Exposure, Touchpoint, Transaction, WriteRequest
from farview.store.writer import Writer
from tests.store import test_audiences, test_plans, worlds

NOW = datetime.now(UTC)
WHOM, OTHER = "ada lovelace", "ben"
TABLES = [table for table in METADATA.sorted_tables if "customer_id" in table.c]


def within(store: Store, work: Any) -> Any:
    return write(store._engine, lambda connection: work(Writer(connection)))


def rows_of(store: Store, table: Table, customer: str) -> int:
    with store._engine.connect() as connection:
        return len(connection.execute(select(table).where(table.c.customer_id == customer)).all())


def fill(store: Store, customer: str) -> None:
    """Something of the customer in every table that has customers, two records of consent that differ among them."""
    store.record_transactions([Transaction(customer, NOW, Decimal(10), "EUR", f"t {len(customer)}")], who="crm")
    store.record_touchpoints([Touchpoint(customer, NOW, "open", "email")], who="crm")
    for allowed in (True, False):
        said = SaidConsent("email", "marketing", allowed, NOW)
        row = DescribedCustomer(customer, None, {"tier": "gold"}, (said,))
        within(store, lambda writer, row=row: writer.upsert_customers([row], who="crm"))
    answered = Answered(f"a {len(customer)}", "PrioritizeCustomers", None, None, None)
    within(store, lambda writer: writer.record_exposures(answered, [Exposure(1, NOW, customer, None)], who="crm"))
    test_plans.add(store, test_plans.plan(customer))

    def reserve(writer: Writer) -> None:
        held = writer.hold_ledger("mail", NOW)
        reservation = Reservation(f"r {len(customer)}", NOW + timedelta(days=1), "crm")
        writer.reserve(held, [NewSlot(1, customer, 1, False)], reservation, NOW)

    within(store, reserve)
    store.add_audience(
        replace(test_audiences.NEW, operation_id=len(customer)), test_audiences.members(customer), who="x"
    )
    store.once(WriteRequest(f"q {len(customer)}", "m", ""), lambda _: f"for {customer} and others".encode())
    for table in TABLES:
        if rows_of(store, table, customer) == 0:
            within(store, lambda writer, table=table: writer.connection.execute(insert(table), bare(table, customer)))


def bare(table: Table, customer: str) -> dict[str, Any]:
    """A row with some value in every column that may not lack one."""
    numbered = len(table.primary_key) == 1  # by the database; a key of several columns is not
    needed = [
        c for c in table.columns if not c.nullable and not (numbered and c.primary_key and isinstance(c.type, Integer))
    ]
    return {column.name: _something(column.type, customer) for column in needed} | {"customer_id": customer}


def _something(kind: Any, text: str) -> Any:
    if isinstance(kind, UtcDateTime):
        return NOW
    values = {String: text, LargeBinary: b"x", Date: NOW.date(), Boolean: True}
    return next((value for of, value in values.items() if isinstance(kind, of)), 1)


def without(_method: str, answer: bytes) -> bytes:
    return answer.replace(WHOM.encode(), b"somebody")


def forget(store: Store, customer: str = WHOM) -> Forgotten:
    return within(store, lambda writer: writer.forget_customer(customer, without, who="dpo"))


@pytest.fixture
def filled(store: Store) -> Store:
    store.set_guarantee(GuaranteeTerms("g", "mail", Fraction(1, 2), "", None, 3650), who="ada")
    store.register_model(JOURNEYS, "markov", b"weights", worlds.lineage(), {})
    for customer in (WHOM, OTHER):
        fill(store, customer)
    return store


def test_nothing_of_the_customer_is_left_in_any_table(filled: Store) -> None:
    assert [table.name for table in TABLES if rows_of(filled, table, WHOM) == 0] == []
    forget(filled)
    with filled._engine.connect() as connection:
        whole = repr([connection.execute(select(table)).all() for table in METADATA.sorted_tables])
    assert WHOM not in whole


def test_a_list_that_was_shown_can_be_reported_though_one_of_it_is_forgotten(filled: Store) -> None:
    forget(filled)
    answer = f"r {len(WHOM)}"
    assert within(filled, lambda writer: writer.settle(answer, {1: WHOM}, None)).confirmed == 1
    assert [state.kept for state in filled.floor_states("g")] == [2]


def test_others_keep_everything(filled: Store) -> None:
    before = {table.name: rows_of(filled, table, OTHER) for table in TABLES}
    forget(filled)
    assert {table.name: rows_of(filled, table, OTHER) for table in TABLES} == before


def test_the_slots_of_the_customer_stay_counted(filled: Store) -> None:
    before = filled.floor_states()
    forget(filled)
    assert filled.floor_states() == before
    assert before[0].kept == 2


def test_remembered_answers_are_rewritten_and_counted(filled: Store) -> None:
    assert forget(filled).answers == 1
    told = [filled.recalled(WriteRequest(f"q {len(name)}", "m", "")) for name in (WHOM, OTHER)]
    assert told == [b"for somebody and others", b"for ben and others"]


def test_the_audit_log_tells_of_it_without_the_name(filled: Store) -> None:
    forget(filled)
    (entry,) = filled.audit_log(limit=1)
    assert (entry.who, entry.action, entry.subject) == ("dpo", "forget", "customers")
    assert entry.detail["rows"]["transactions"] == 1


def test_who_is_not_known_is_not_found(filled: Store) -> None:
    forget(filled)
    with pytest.raises(NotFound, match="customer"):
        forget(filled)


def test_who_was_forgotten_is_unknown(filled: Store) -> None:
    assert filled.unknown_customers([WHOM, OTHER, "nobody"]) == {"nobody"}
    forget(filled)
    assert filled.unknown_customers([WHOM, OTHER]) == {WHOM}
