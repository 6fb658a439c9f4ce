"""Customers: who is known, and what files said of them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from farview.core.schemas import ATTRIBUTES
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Touchpoint, WriteCounts
from tests.store.files import imported
from tests.tiers import examples

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def described(customer: str, time_zone: str | None = None, **attributes: Any) -> dict[str, Any]:
    return {"customer_id": customer, "time_zone": time_zone, "attributes": json.dumps(attributes)}


def known(store: Store, *customer_ids: str) -> dict[str, tuple[str | None, dict[str, Any]]]:
    rows = store.attributes(customer_ids or None).to_pylist()
    return {row["customer_id"]: (row["time_zone"], json.loads(row["attributes"])) for row in rows}


def test_attributes_and_zones_come_back_ordered_by_customer(store: Store) -> None:
    rows = [described("b", age=41.5, tier="gold"), described("a", "Europe/Oslo", newsletter=True)]
    assert imported(store, "customers", rows).counts == WriteCounts(added=2)
    assert store.attributes().schema == ATTRIBUTES
    assert list(known(store).items()) == [
        ("a", ("Europe/Oslo", {"newsletter": True})),
        ("b", (None, {"age": 41.5, "tier": "gold"})),
    ]


def test_only_the_customers_asked_for_come_back_and_unknown_ones_are_absent(store: Store) -> None:
    imported(store, "customers", [described("a"), described("b"), described("c")])
    assert list(known(store, "c", "nobody", "a", "c")) == ["a", "c"]


def test_a_customer_that_nobody_described_has_no_attributes(store: Store) -> None:
    store.record_touchpoints([Touchpoint("a", NOON, "click", "email")], who="crm")
    assert known(store) == {"a": (None, {})}


def test_a_file_changes_what_it_says_and_leaves_the_rest(store: Store) -> None:
    imported(store, "customers", [described("a", "Europe/Oslo", age=41, tier="gold", city="Bergen")])
    counts = imported(store, "customers", [described("a", None, age=42, city=None), described("b")]).counts
    assert counts == WriteCounts(added=1, corrected=1)
    assert known(store, "a") == {"a": ("Europe/Oslo", {"age": 42, "tier": "gold"})}


def test_the_same_description_again_changes_nothing(store: Store, url: str) -> None:
    imported(store, "customers", [described("a", "Europe/Oslo", tier="gold", age=41)])
    before = _stamps(url)
    assert imported(store, "customers", [described("a", age=41, tier="gold")]).counts == WriteCounts(unchanged=1)
    assert _stamps(url) == before


def test_a_description_keeps_since_when_the_customer_is_known(store: Store, url: str) -> None:
    store.record_touchpoints([Touchpoint("a", NOON, "click", "email")], who="crm")
    ((known_since, _),) = _stamps(url)
    assert imported(store, "customers", [described("a", tier="gold")]).counts == WriteCounts(added=1)
    ((still, described_at),) = _stamps(url)
    assert still == known_since < described_at


def _stamps(url: str) -> list[Any]:
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT created_at, described_at FROM customers")).all()
    engine.dispose()
    return list(rows)


DESCRIPTIONS = st.builds(
    described,
    st.sampled_from("ab"),
    st.sampled_from([None, "UTC", "Asia/Tokyo"]),
    age=st.none() | st.integers(0, 2),
    tier=st.none() | st.sampled_from(["gold", "ä'\""]),
)


@settings(max_examples=examples(ci=15, soak=1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(DESCRIPTIONS, max_size=4), max_size=4))
def test_descriptions_behave_like_dictionaries_that_are_updated(
    store: Store, batches: list[list[dict[str, Any]]]
) -> None:
    prefix = f"{uuid4()}"  # the examples share a database
    own = [[row | {"customer_id": prefix + row["customer_id"]} for row in batch] for batch in batches]
    expected: dict[str, tuple[str | None, dict[str, Any]]] = {}
    for row in (row for batch in own for row in batch):
        zone, attributes = expected.get(row["customer_id"], (None, {}))
        merged = attributes | json.loads(row["attributes"])
        kept = {name: value for name, value in merged.items() if value is not None}
        expected[row["customer_id"]] = (row["time_zone"] or zone, kept)
    counts = imported(store, "customers", *own).counts
    assert counts.added + counts.unchanged + counts.corrected == sum(map(len, own))
    assert known(store, f"{prefix}a", f"{prefix}b") == expected


@pytest.mark.parametrize("kind", ["transactions", "touchpoints", "consents", "impressions"])
def test_whoever_a_file_names_is_known(store: Store, kind: str) -> None:
    rows = {
        "transactions": {"amount": Decimal(1), "currency": "EUR"},
        "touchpoints": {"interaction": "click", "channel": "email"},
        "consents": {"channel": "email", "purpose": "marketing", "allowed": True},
        "impressions": {"query_id": "q", "position": 1, "item_id": "i", "grade": 0},
    }
    imported(store, kind, [rows[kind] | {"customer_id": "a", "time": NOON}])
    assert list(known(store)) == ["a"]
