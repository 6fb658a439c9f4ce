"""Items as they stand, and lists that were shown."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from farview.core.schemas import ITEMS
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
