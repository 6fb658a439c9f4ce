"""CatalogService: what is known of customers and items, and consent that acts on the next call."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from farview.client import CatalogEntry, CustomerProfile, FarviewClient, Reach, Said
from farview.v1 import catalog_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

NOW = datetime.now(UTC)


@pytest.fixture
def catalog(either: Running) -> Iterator[FarviewClient]:
    with FarviewClient(either.address) as client:
        yield client


def described(running: Running, customer: str) -> dict[str, Any]:
    (row,) = running.store.attributes([customer]).to_pylist()
    return {"time_zone": row["time_zone"], **json.loads(row["attributes"])}


def counts(answer: Any) -> tuple[int, int, int]:
    return answer.new_count, answer.unchanged_count, answer.changed_count


def test_a_customer_is_described_and_added_to(either: Running, catalog: FarviewClient) -> None:
    first = CustomerProfile("ada", "Europe/Berlin", {"tier": "gold", "age": 41.0, "vip": True})
    assert counts(catalog.upsert_customers([first])) == (1, 0, 0)
    assert described(either, "ada") == {"time_zone": "Europe/Berlin", "tier": "gold", "age": 41.0, "vip": True}
    assert counts(catalog.upsert_customers([CustomerProfile("ada", attributes={"tier": None, "age": 42.0})])) == (
        0,
        0,
        1,
    )
    assert described(either, "ada") == {"time_zone": "Europe/Berlin", "age": 42.0, "vip": True}
    assert counts(catalog.upsert_customers([CustomerProfile("ada", attributes={"age": 42.0})])) == (0, 1, 0)


def test_consent_is_kept_and_a_repeat_is_no_record(either: Running, catalog: FarviewClient) -> None:
    no = CustomerProfile("ada", consents=[Said("email", False, NOW)])
    assert catalog.upsert_customers([no]).consent_count == 1
    assert catalog.upsert_customers([no]).consent_count == 0
    assert either.store.denied_channels(["ada", "ben"], ["email"]) == {"ada": {"email"}, "ben": frozenset()}


def test_of_two_records_of_an_instant_a_withdrawal_counts(either: Running, catalog: FarviewClient) -> None:
    for allowed in (False, True):
        catalog.upsert_customers([CustomerProfile("ada", consents=[Said("email", allowed, NOW)])])
    assert either.store.denied_channels(["ada"], ["email"]) == {"ada": {"email"}}


def test_a_withdrawal_takes_a_customer_off_the_next_audience(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        first = client.prioritize(1, reach=Reach("email")).customers[0].customer_id
        client.upsert_customers([CustomerProfile(first, consents=[Said("email", False, datetime.now(UTC))])])
        assert client.prioritize(1, reach=Reach("email")).customers[0].customer_id != first
        assert client.prioritize(1, reach=Reach("phone")).customers[0].customer_id == first


def test_an_item_is_added_changed_and_left(either: Running, catalog: FarviewClient) -> None:
    lamp = CatalogEntry("lamp", Decimal("60.50"), "USD", "light", stock=3, added=date(2024, 1, 2))
    assert counts(catalog.upsert_items([lamp])) == (1, 0, 0)
    assert counts(catalog.upsert_items([CatalogEntry("lamp", Decimal("55"), "USD", attributes={"watts": 9.0})])) == (
        0,
        0,
        1,
    )
    (row,) = either.store.items(["lamp"]).to_pylist()
    assert (row["price"], row["category"], row["stock"], row["added"]) == (55.0, "light", 3, date(2024, 1, 2))
    assert json.loads(row["attributes"]) == {"watts": 9.0}
    assert counts(catalog.upsert_items([CatalogEntry("lamp", Decimal("55"), "USD")])) == (0, 1, 0)


def test_the_same_request_is_stored_once_and_answered_alike(either: Running, catalog: FarviewClient) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: catalog.upsert_customers([CustomerProfile("ada")], request_id="a"),
        lambda: catalog.upsert_items([CatalogEntry("lamp", Decimal(1), "USD")], request_id="b"),
    ]
    for call in calls:
        assert counts(call()) == counts(call()) == (1, 0, 0)


def test_one_bad_customer_keeps_all_out(either: Running) -> None:
    request = pb.UpsertCustomersRequest(request_id="r", customers=[{"customer_id": "ada"}, {"customer_id": ""}])
    refused(lambda: either.catalog.UpsertCustomers(request))
    assert either.store.customers() == 0


SAID = {"channel": "email", "allowed": True, "consent_time": Timestamp(seconds=1_700_000_000)}
FUTURE = Timestamp(seconds=int((NOW + timedelta(days=2)).timestamp()))


@pytest.mark.parametrize(
    ("field", "customer"),
    [
        ("customers[0].customer_id", {"customer_id": ""}),
        ("customers[0].time_zone", {"time_zone": "Mars"}),
        ("customers[0].attributes[0].name", {"attributes": [{"text": "x"}]}),
        ("customers[0].attributes[0].number", {"attributes": [{"name": "x", "number": float("nan")}]}),
        ("customers[0].attributes[0].text", {"attributes": [{"name": "x", "text": "y" * 1_001}]}),
        ("customers[0].attributes", {"attributes": [{"name": "x"}, {"name": "x"}]}),
        ("customers[0].attributes", {"attributes": [{"name": f"{i}"} for i in range(101)]}),
        ("customers[0].consents[0].channel", {"consents": [{**SAID, "channel": ""}]}),
        ("customers[0].consents[0].consent_time", {"consents": [{**SAID, "consent_time": None}]}),
        ("customers[0].consents[0].consent_time", {"consents": [{**SAID, "consent_time": FUTURE}]}),
    ],
)
def test_a_bad_customer_names_its_field(empty: Running, field: str, customer: dict[str, Any]) -> None:
    request = pb.UpsertCustomersRequest(request_id="r", customers=[{"customer_id": "ada", **customer}])
    error = refused(lambda: empty.catalog.UpsertCustomers(request))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


USD = Money(currency_code="USD", units=5)


@pytest.mark.parametrize(
    ("field", "item"),
    [
        ("items[0].item_id", {"item_id": ""}),
        ("items[0].price", {"price": None}),
        ("items[0].price", {"price": Money(currency_code="USD", units=-1)}),
        ("items[0].price.currency_code", {"price": Money(currency_code="EUR", units=1)}),
        ("items[0].margin.currency_code", {"margin": Money(currency_code="EUR", units=1)}),
        ("items[0].stock", {"stock": -1}),
        ("items[0].added_date", {"added_date": {"year": 24, "month": 1, "day": 1}}),
        ("items[0].added_date", {"added_date": {"year": 2024, "month": 2, "day": 31}}),
        ("items[0].category", {"category": "x" * 257}),
    ],
)
def test_a_bad_item_names_its_field(empty: Running, field: str, item: dict[str, Any]) -> None:
    request = pb.UpsertItemsRequest(request_id="r", items=[{"item_id": "lamp", "price": USD, **item}])
    error = refused(lambda: empty.catalog.UpsertItems(request))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("request_id", pb.UpsertCustomersRequest(customers=[{"customer_id": "a"}])),
        ("customers", pb.UpsertCustomersRequest(request_id="r")),
        ("customers", pb.UpsertCustomersRequest(request_id="r", customers=[{"customer_id": "a"}] * 2)),
        ("customers", pb.UpsertCustomersRequest(request_id="r", customers=[{"customer_id": "a"}] * 1_001)),
    ],
)
def test_a_bad_request_names_its_field(empty: Running, field: str, request_: pb.UpsertCustomersRequest) -> None:
    assert fields(refused(lambda: empty.catalog.UpsertCustomers(request_))) == [field]
