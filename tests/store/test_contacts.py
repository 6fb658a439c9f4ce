"""Who must not be contacted: consent as of now, and caps that count what was shown and what is reserved."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from farview.core.errors import InvalidInput
from farview.store.engine import write
from farview.store.promises import Cap, Contact, GuaranteeTerms, NewSlot, Reservation
from farview.store.store import Store
from farview.store.tables import BUSINESS
from farview.store.tables_touches import CONSENTS
from farview.store.values import Answered, Exposure
from farview.store.writer import Writer
from tests.tiers import examples

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
MAIL = Contact("email")


def say(store: Store, *records: tuple[str, str, bool, datetime]) -> None:
    """Records of consent: customer, channel, allowed, time."""
    rows = [
        {
            "customer_id": customer,
            "channel": channel,
            "purpose": "marketing",
            "allowed": allowed,
            "time": time,
            "ingested_at": NOW,
        }
        for customer, channel, allowed, time in records
    ]
    write(store._engine, lambda connection: connection.execute(insert(CONSENTS), rows))


def show(store: Store, customer: str, time: datetime, method: str = "PrioritizeCustomers", answer: str = "") -> None:
    answered = Answered(answer or f"{customer}{time}{method}", method, None, None, None)
    rows = [Exposure(1, time, customer, None)]
    write(store._engine, lambda connection: Writer(connection).record_exposures(answered, rows, who="crm"))


def reserve(store: Store, customer: str, answer: str, lasts: timedelta = DAY) -> None:
    def work(connection: Any) -> None:
        writer = Writer(connection)
        held = writer.hold_ledger("mail", NOW)
        writer.reserve(held, [NewSlot(1, customer, 0, False)], Reservation(answer, NOW + lasts, "crm"), NOW)

    write(store._engine, work)


@pytest.fixture
def promised(store: Store) -> Store:
    store.set_guarantee(GuaranteeTerms("g", "mail", Fraction(1, 4), "", None, 7), who="ada")
    return store


@pytest.fixture
def strict(store: Store) -> Store:
    """A business in which nothing is allowed that was not said to be."""
    write(store._engine, lambda connection: connection.execute(BUSINESS.update().values(consent_required=True)))
    return store


def test_the_last_record_of_a_channel_decides(store: Store) -> None:
    say(
        store,
        ("a", "email", True, NOW - 2 * DAY),
        ("a", "email", False, NOW - DAY),
        ("b", "email", False, NOW - 2 * DAY),
    )
    say(store, ("b", "email", True, NOW - DAY), ("c", "phone", False, NOW - DAY))
    assert store.barred(["a", "b", "c", "d"], MAIL, NOW) == {"a"}


def test_a_record_of_the_future_does_not_count_yet(store: Store) -> None:
    say(store, ("a", "email", False, NOW + DAY))
    assert store.barred(["a"], MAIL, NOW) == frozenset()


def test_another_purpose_is_another_consent(store: Store) -> None:
    say(store, ("a", "email", False, NOW - DAY))
    assert store.barred(["a"], Contact("email", "service"), NOW) == frozenset()


def test_where_consent_is_required_only_who_gave_it_is_reached(strict: Store) -> None:
    say(strict, ("a", "email", True, NOW - DAY), ("b", "phone", True, NOW - DAY))
    assert strict.barred(["a", "b", "c"], MAIL, NOW) == {"b", "c"}


def test_without_a_channel_who_allows_none_is_barred(store: Store) -> None:
    say(store, ("a", "email", False, NOW - DAY), ("b", "email", False, NOW - DAY), ("b", "phone", True, NOW - DAY))
    assert store.barred(["a", "b", "c"], Contact(None), NOW) == {"a"}


def test_without_a_channel_required_consent_is_consent_on_some(strict: Store) -> None:
    say(strict, ("a", "email", False, NOW - DAY), ("b", "email", False, NOW - DAY), ("b", "phone", True, NOW - DAY))
    assert strict.barred(["a", "b", "c"], Contact(None), NOW) == {"a", "c"}


RECORDS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=8)


@settings(max_examples=examples(ci=15, soak=500), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS)
def test_a_withdrawal_acts_on_the_next_call(store: Store, records: list[tuple[str, bool]]) -> None:
    """After every record the next answer is that of the last records there are."""
    channel = datetime.now(UTC).isoformat()  # the examples share a database
    allowed = dict.fromkeys("abc", True)
    for customer, says_yes in records:
        say(store, (customer, channel, says_yes, datetime.now(UTC)))
        allowed[customer] = says_yes
        denied = {name for name, is_allowed in allowed.items() if not is_allowed}
        assert store.barred(["a", "b", "c"], Contact(channel), datetime.now(UTC)) == denied


def test_a_cap_bars_who_had_as_many_contacts_within_the_window(store: Store) -> None:
    for customer, days in (("a", 1), ("a", 6), ("b", 1), ("b", 8)):
        show(store, customer, NOW - days * DAY)
    assert store.barred(["a", "b", "c"], Contact(None, caps=[Cap(2, days=7)]), NOW) == {"a"}
    assert store.barred(["a", "b", "c"], Contact(None, caps=[Cap(2, days=9)]), NOW) == {"a", "b"}


def test_every_cap_holds(store: Store) -> None:
    for days in (1, 20):
        show(store, "a", NOW - days * DAY)
    show(store, "b", NOW - DAY)
    assert store.barred(["a", "b"], Contact(None, caps=[Cap(2, days=2), Cap(2, days=30)]), NOW) == {"a"}


def test_touches_of_plans_are_contacts_and_items_on_a_page_are_not(store: Store) -> None:
    show(store, "a", NOW - DAY, "PlanJourney")
    show(store, "b", NOW - DAY, "RankItems")
    assert store.barred(["a", "b"], Contact(None, caps=[Cap(1, days=7)]), NOW) == {"a"}


def test_a_reservation_counts_until_it_expires(promised: Store) -> None:
    reserve(promised, "a", "x", lasts=timedelta(hours=1))
    capped = Contact(None, caps=[Cap(1, days=7)])
    assert promised.barred(["a"], capped, NOW) == {"a"}
    assert promised.barred(["a"], capped, NOW + timedelta(hours=1)) == frozenset()


def test_a_confirmed_reservation_counts_once(promised: Store) -> None:
    reserve(promised, "a", "x")
    write(promised._engine, lambda connection: Writer(connection).settle("x", {1: "a"}, ()))
    show(promised, "a", NOW, answer="x")
    assert promised.barred(["a"], Contact(None, caps=[Cap(2, days=7)]), NOW) == frozenset()


@pytest.mark.parametrize("cap", [Cap(0, days=7), Cap(1, days=0)])
def test_a_cap_that_makes_no_sense_is_refused(store: Store, cap: Cap) -> None:
    with pytest.raises(InvalidInput, match=r"caps\[1\]"):
        store.barred(["a"], Contact(None, caps=[Cap(1, 1), cap]), NOW)
