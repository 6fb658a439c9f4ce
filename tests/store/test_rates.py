"""Amounts of other currencies: converted by the rate of the day, kept as they were sent."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.tables import TRANSACTIONS
from farview.store.tables_touches import TOUCHPOINTS
from farview.store.values import Touchpoint, Transaction, WriteCounts
from tests.store.files import imported

MONDAY = {"date": date(2024, 1, 15), "currency": "USD", "rate": 0.9123456789}


def sale(amount: str, time: datetime, currency: str = "USD", transaction_id: str | None = None) -> Transaction:
    return Transaction("a", time, Decimal(amount), currency, transaction_id)


def amounts(store: Store) -> list[float]:
    rows = store.transactions(Cut(date(2024, 12, 31), datetime.now(UTC))).read_all()
    return sorted(rows[c.AMOUNT].to_pylist())


def test_an_amount_is_converted_by_the_rate_of_its_day_in_the_business_zone(store: Store) -> None:
    imported(store, "rates", [MONDAY, MONDAY | {"date": date(2024, 1, 16), "rate": 2.0}])
    store.record_transactions([sale("10", datetime(2024, 1, 15, 22, 59, tzinfo=UTC))], who="ada")
    store.record_transactions([sale("10", datetime(2024, 1, 15, 23, 1, tzinfo=UTC))], who="ada")  # Tuesday in Berlin
    assert amounts(store) == [9.123457, 20.0]


def test_what_was_sent_is_kept(url: str, store: Store) -> None:
    imported(store, "rates", [MONDAY])
    noon = datetime(2024, 1, 15, 12, tzinfo=UTC)
    store.record_transactions([sale("-10.5", noon), sale("3", noon, "EUR")], who="ada")
    value = Touchpoint("a", noon, "conversion", None, conversion_value=Decimal(100), currency="USD")
    store.record_touchpoints([value], who="ada")
    engine = open_engine(url)
    with engine.connect() as connection:
        names = ("amount", "currency", "original_amount", "original_currency")
        sales = connection.execute(select(*(TRANSACTIONS.c[n] for n in names)).order_by(TRANSACTIONS.c.amount)).all()
        names = ("conversion_value", "original_value", "original_currency")
        touches = connection.execute(select(*(TOUCHPOINTS.c[n] for n in names))).all()
    engine.dispose()
    assert sales == [(-9.57963, "EUR", -10.5, "USD"), (3.0, "EUR", None, None)]
    assert touches == [(91.234568, 100.0, "USD")]


@pytest.mark.parametrize(("day", "found"), [(15, True), (22, True), (23, False), (14, False)])
def test_a_rate_holds_seven_days_longer_than_its_own(store: Store, day: int, found: bool) -> None:
    imported(store, "rates", [MONDAY])
    row = sale("10", datetime(2024, 1, day, 12, tzinfo=UTC))
    if found:
        assert store.record_transactions([row], who="ada") == WriteCounts(added=1)
    else:
        with pytest.raises(InvalidInput, match=r"transactions\[0\].amount: is in USD, .* 7 days before it \(farview"):
            store.record_transactions([row], who="ada")
        assert amounts(store) == []


def test_a_corrected_rate_changes_what_is_sent_again_and_nothing_else(store: Store) -> None:
    noon = datetime(2024, 1, 15, 12, tzinfo=UTC)
    imported(store, "rates", [MONDAY])
    rows = [sale("10", noon, transaction_id="t1"), sale("20", noon, transaction_id="t2")]
    store.record_transactions(rows, who="ada")
    assert store.record_transactions(rows, who="ada") == WriteCounts(unchanged=2)
    assert imported(store, "rates", [MONDAY | {"rate": 2.0}]).counts == WriteCounts(corrected=1)
    assert amounts(store) == [9.123457, 18.246914]
    assert store.record_transactions(rows[:1], who="ada") == WriteCounts(corrected=1)
    assert amounts(store) == [18.246914, 20.0]


def test_the_snapshot_tells_converted_amounts_apart(store: Store) -> None:
    noon = datetime(2024, 1, 15, 12, tzinfo=UTC)
    hashes = set()
    for rate in (1.0, 2.0):
        imported(store, "rates", [MONDAY | {"rate": rate}])
        store.record_transactions([sale("10", noon, transaction_id="t1")], who="ada")
        hashes.add(store.snapshot_hash(Cut(noon.date(), datetime.now(UTC))))
    assert len(hashes) == 2


def test_the_rates_known_now_are_read_in_order(store: Store) -> None:
    imported(store, "rates", [MONDAY, {"date": date(2024, 1, 12), "currency": "USD", "rate": 0.9}])
    imported(store, "rates", [MONDAY | {"rate": 0.91}])
    assert store.rates().to_pylist() == [
        {"currency": "USD", "date": date(2024, 1, 12), "rate": 0.9},
        {"currency": "USD", "date": date(2024, 1, 15), "rate": 0.91},
    ]


def test_rates_make_nobody_a_customer(store: Store) -> None:
    imported(store, "rates", [MONDAY])
    assert store.customers() == 0


def test_an_amount_that_grows_too_large_is_refused(store: Store) -> None:
    imported(store, "rates", [MONDAY | {"rate": 1000.0}])
    with pytest.raises(InvalidInput, match="is not a number below 10"):
        store.record_transactions([sale("1e10", datetime(2024, 1, 15, 12, tzinfo=UTC))], who="ada")
