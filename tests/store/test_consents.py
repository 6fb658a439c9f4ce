"""Consents: the latest record decides, and what is not allowed is never contacted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Business, WriteCounts
from tests.store.files import imported
from tests.tiers import examples

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
CHANNELS = ("email", "sms")


def said(
    allowed: bool, *, customer: str = "a", channel: str = "email", time: datetime = NOON, purpose: str = "marketing"
) -> dict[str, Any]:
    return {"customer_id": customer, "channel": channel, "purpose": purpose, "allowed": allowed, "time": time}


def denied(store: Store, customer: str = "a", **asked: Any) -> set[str]:
    return set(store.denied_channels([customer], CHANNELS, **asked)[customer])


def test_without_a_record_every_channel_is_allowed(store: Store) -> None:
    assert store.denied_channels(["a", "b"], CHANNELS) == {"a": frozenset(), "b": frozenset()}


def test_where_consent_is_required_only_what_was_allowed_is(database_url: str) -> None:
    store = Store.open(database_url)
    store.set_business(Business("UTC", "EUR", consent_required=True))
    imported(store, "consents", [said(True)])
    assert store.denied_channels(["a", "b"], CHANNELS) == {"a": frozenset({"sms"}), "b": frozenset(CHANNELS)}
    store.close()


def test_a_withdrawal_holds_for_its_channel_customer_and_purpose_alone(store: Store) -> None:
    imported(store, "consents", [said(False)])
    assert denied(store) == {"email"}
    assert denied(store, "b") == denied(store, purpose="service") == set()


def test_the_latest_record_up_to_the_time_asked_decides(store: Store) -> None:
    day = timedelta(days=1)
    imported(store, "consents", [said(True, time=NOON + day), said(False), said(False, time=NOON + 2 * day)])
    moments = (NOON - day, NOON, NOON + day, NOON + 2 * day)
    assert [denied(store, at=at) for at in moments] == [set(), {"email"}, set(), {"email"}]
    assert denied(store) == {"email"}


def test_a_record_of_the_future_does_not_hold_yet(store: Store) -> None:
    imported(store, "consents", [said(False, time=datetime.now(UTC) + timedelta(hours=1))])
    assert denied(store) == set()


def test_the_same_record_again_changes_nothing(store: Store) -> None:
    imported(store, "consents", [said(False)])
    assert imported(store, "consents", [said(False)]).counts == WriteCounts(unchanged=1)


@pytest.mark.parametrize("first", [True, False])
def test_another_word_at_the_same_time_in_a_later_file_is_a_correction(store: Store, first: bool) -> None:
    imported(store, "consents", [said(first)])
    assert imported(store, "consents", [said(not first)]).counts == WriteCounts(corrected=1)
    assert denied(store) == ({"email"} if first else set())
    entry = next(entry for entry in store.audit_log() if entry.action == "correct")
    assert (entry.subject, entry.who) == (f"consents/email/marketing/{NOON.isoformat()}", "ada")


def test_what_was_corrected_stays_in_the_table(store: Store, url: str) -> None:
    imported(store, "consents", [said(True)])
    imported(store, "consents", [said(False)])
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT allowed, superseded_at IS NULL FROM consents ORDER BY consent_key"))
        assert [(bool(allowed), bool(current)) for allowed, current in rows] == [(True, False), (False, True)]
    engine.dispose()


RECORDS = st.builds(
    said,
    st.booleans(),
    customer=st.sampled_from("ab"),
    channel=st.sampled_from(CHANNELS),
    time=st.sampled_from([NOON, NOON + timedelta(days=1)]),
)


@settings(max_examples=examples(ci=15, soak=1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(RECORDS, max_size=6), max_size=3))
def test_in_one_file_a_withdrawal_wins_ties_whatever_the_order(
    store: Store, batches: list[list[dict[str, Any]]]
) -> None:
    prefix = f"{uuid4()}"  # the examples share a database
    own = [[row | {"customer_id": prefix + row["customer_id"]} for row in batch] for batch in batches]
    imported(store, "consents", *own)
    rows = sorted((row for batch in own for row in batch), key=lambda row: (row["time"], not row["allowed"]))
    last = {(row["customer_id"], row["channel"]): row["allowed"] for row in rows}
    expected = {
        customer: frozenset(channel for channel in CHANNELS if not last.get((customer, channel), True))
        for customer in (f"{prefix}a", f"{prefix}b")
    }
    assert store.denied_channels(list(expected), CHANNELS) == expected


def test_the_latest_record_is_found_by_index(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    store = Store(engine)
    store.set_business(Business("UTC", "EUR", consent_required=False))
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    store.denied_channels(["a"], ["email"])
    statement, parameters = asked[-1]
    with engine.connect() as connection:
        steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    index = "INDEX uq_consents_customer_id_channel_purpose_time_current (customer_id=? AND channel=? AND purpose=?"
    assert any(index in step for step in steps)
    store.close()
