"""Customer features of a past day do not know what was recorded later, on both databases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from farview.core.clock import Cut
from farview.features.customer import customer_features
from farview.store.store import Store
from farview.store.values import Business, Transaction

FIRST = datetime(2024, 1, 1, 12, tzinfo=UTC)


def sale(days: int, amount: str, transaction_id: str) -> Transaction:
    return Transaction("a", FIRST + timedelta(days=days), Decimal(amount), "EUR", transaction_id)


def test_rows_and_corrections_recorded_after_known_at_change_nothing(database_url: str) -> None:
    store = Store.open(database_url)
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    store.record_transactions([sale(0, "10", "t0"), sale(9, "20", "t9")], who="shop")
    cut = Cut(date(2024, 3, 1), datetime.now(UTC))
    before = customer_features(store.transactions(cut), cut, "Europe/Berlin").read_all()
    planted = [sale(9, "99", "t9"), sale(5, "7", "late"), sale(30, "-3", "return"), sale(90, "500", "future")]
    store.record_transactions(planted, who="shop")
    after = customer_features(store.transactions(cut), cut, "Europe/Berlin").read_all()
    store.close()
    assert after.equals(before)
    assert after["spend"].to_pylist() == [30.0]
