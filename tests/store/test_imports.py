"""Files: each imported once, whole or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from farview.core.clock import Cut
from farview.store.store import Store
from farview.store.values import ImportSource, WriteCounts
from tests.store.files import batch, imported

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
FILE = ImportSource("log.csv", "c" * 64, {"time": "when"})
TOUCH = {"customer_id": "a", "time": NOON, "interaction": "click", "channel": "email"}
SALE = {"customer_id": "a", "time": NOON, "amount": Decimal(5), "currency": "EUR"}


def test_the_same_file_again_changes_nothing_and_says_so(store: Store) -> None:
    first = imported(store, "touchpoints", [TOUCH, TOUCH], source=FILE)
    again = imported(store, "touchpoints", [TOUCH, TOUCH], source=FILE)
    assert (first.counts, first.before) == (WriteCounts(added=2), False)
    assert (again.import_id, again.counts, again.before) == (first.import_id, first.counts, True)
    assert store.touchpoints_of(["a"], datetime.now(UTC)).num_rows == 2


def test_the_same_content_as_another_kind_is_another_file(store: Store) -> None:
    imported(store, "touchpoints", [TOUCH], source=FILE)
    assert store.imported_before("transactions", FILE) is None
    assert not imported(store, "transactions", [SALE], source=FILE).before


def test_a_file_that_breaks_off_leaves_nothing_behind(store: Store) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield batch("touchpoints", [TOUCH])
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        store.import_file("touchpoints", FILE, broken(), lambda: 0, who="ada")
    assert store.last_touch_day() is None
    assert store.imported_before("touchpoints", FILE) is None
    assert store.attributes().num_rows == 0


def test_a_correction_is_never_known_before_what_it_corrects(store: Store) -> None:
    def sale(amount: int, ingested_at: datetime) -> dict[str, Any]:
        return SALE | {"transaction_id": "t1", "amount": Decimal(amount), "ingested_at": ingested_at}

    imported(store, "transactions", [sale(5, NOON + timedelta(days=9))])
    imported(store, "transactions", [sale(7, NOON + timedelta(days=1))])
    known = {
        days: store.transactions(Cut(NOON.date(), NOON + timedelta(days=days))).read_all()["amount"].to_pylist()
        for days in (5, 10)
    }
    assert known == {5: [], 10: [7.0]}


def test_the_audit_log_tells_the_kind_and_the_counts(store: Store) -> None:
    imported(store, "touchpoints", [TOUCH], source=FILE)
    entry = store.audit_log()[0]
    assert (entry.action, entry.who) == ("import", "ada")
    assert entry.detail["kind"] == "touchpoints"
    assert entry.detail["rows_imported"] == 1
