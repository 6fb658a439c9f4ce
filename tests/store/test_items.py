"""Items as they stand, and lists that were shown."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import text

from farview.core.clock import Cut
from farview.core.schemas import IMPRESSIONS, ITEMS
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import WriteCounts
from tests.store.files import imported

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def item(item_id: str, price: str, **known: Any) -> dict[str, Any]:
    attributes = known.pop("attributes", {})
    return {"item_id": item_id, "price": Decimal(price), "attributes": json.dumps(attributes)} | known


FULL = item(
    "i1",
    "19.99",
    category="shoes",
    brand="Nord",
    margin=Decimal("-0.5"),
    stock=3,
    added=date(2024, 1, 2),
    attributes={"colour": "red"},
)


def test_items_come_back_ordered_and_typed(store: Store) -> None:
    assert imported(store, "items", [item("i2", "5"), FULL]).counts == WriteCounts(added=2)
    table = store.items()
    assert table.schema == ITEMS
    expected = FULL | {"price": 19.99, "margin": -0.5}
    bare = dict.fromkeys(ITEMS.names) | {"item_id": "i2", "price": 5.0, "attributes": "{}"}
    assert table.to_pylist() == [expected, bare]


def test_only_the_items_asked_for_come_back(store: Store) -> None:
    imported(store, "items", [item("i1", "1"), item("i2", "2"), item("i3", "3")])
    assert store.items(["i3", "nothing", "i1", "i1"])["item_id"].to_pylist() == ["i1", "i3"]


def test_a_file_of_prices_leaves_the_rest_of_an_item(store: Store) -> None:
    imported(store, "items", [FULL])
    counts = imported(store, "items", [item("i1", "24.99", attributes={"size": 44})]).counts
    assert counts == WriteCounts(corrected=1)
    (found,) = store.items().to_pylist()
    attributes = json.dumps({"colour": "red", "size": 44})
    assert found == FULL | {"price": 24.99, "margin": -0.5, "attributes": attributes}


@pytest.mark.parametrize("price", ["19.99", "0.000001", "123456789.654321"])
def test_the_same_item_again_changes_nothing(store: Store, price: str) -> None:
    imported(store, "items", [FULL | {"price": Decimal(price)}])
    assert imported(store, "items", [FULL | {"price": Decimal(price)}]).counts == WriteCounts(unchanged=1)


def shown(item_id: str, grade: int, **known: Any) -> dict[str, Any]:
    row = {"query_id": "q", "customer_id": "a", "time": NOON, "position": 1, "item_id": item_id, "grade": grade}
    return row | known


def grades(url: str) -> list[tuple[str, int, bool]]:
    engine = open_engine(url)
    with engine.connect() as connection:
        query = "SELECT item_id, grade, superseded_at IS NULL FROM impressions ORDER BY impression_key"
        rows = [(item_id, grade, bool(current)) for item_id, grade, current in connection.execute(text(query))]
    engine.dispose()
    return rows


def test_an_item_of_a_list_is_told_once(store: Store, url: str) -> None:
    rows = [shown("i1", 0), shown("i2", 4, propensity=0.5), shown("i1", 1, query_id="q2")]
    assert imported(store, "impressions", rows).counts == WriteCounts(added=3)
    assert imported(store, "impressions", rows).counts == WriteCounts(unchanged=3)
    assert grades(url) == [("i1", 0, True), ("i2", 4, True), ("i1", 1, True)]


def test_what_came_of_an_impression_later_corrects_it(store: Store, url: str) -> None:
    imported(store, "impressions", [shown("i1", 0), shown("i2", 0)])
    assert imported(store, "impressions", [shown("i1", 4)]).counts == WriteCounts(corrected=1)
    assert grades(url) == [("i1", 0, False), ("i2", 0, True), ("i1", 4, True)]
    assert store.audit_log()[1].subject == "impressions/q/i1"


def test_lists_come_back_as_they_were_known(store: Store) -> None:
    imported(store, "impressions", [shown("i1", 0), shown("i2", 0)])
    known = Cut(date(2024, 1, 15), datetime.now(UTC))
    imported(store, "impressions", [shown("i1", 4)])
    now = Cut(date(2024, 1, 15), datetime.now(UTC))
    assert _grades(store.impressions(known).read_all()) == {"i1": 0, "i2": 0}
    assert _grades(store.impressions(now).read_all()) == {"i1": 4, "i2": 0}
    assert store.impressions(Cut(date(2024, 1, 14), now.known_at)).read_all().num_rows == 0
    assert store.impressions_hash(known) != store.impressions_hash(now)
    assert store.last_impression_day() == date(2024, 1, 15)


def test_of_a_customer_the_newest_rows_before_a_time_come_back(store: Store) -> None:
    rows = [shown(f"i{day}", 1) | {"query_id": f"q{day}", "time": NOON + timedelta(days=day)} for day in range(4)]
    imported(store, "impressions", [*rows, shown("i9", 1) | {"query_id": "q9", "customer_id": "somebody else"}])
    customer = rows[0]["customer_id"]
    assert set(_grades(store.impressions_of(customer, NOON + timedelta(days=3), 2))) == {"i1", "i2"}
    assert store.impressions_of("nobody", NOON, 10).num_rows == 0


def _grades(table: pa.Table) -> dict[str, int]:
    assert table.schema == IMPRESSIONS
    return dict(zip(table["item_id"].to_pylist(), table["grade"].to_pylist(), strict=True))
