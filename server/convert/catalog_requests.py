"""Requests of CatalogService, checked."""

import math
from collections.abc import Sequence
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from farview.store.catalog import DescribedCustomer, DescribedItem, SaidConsent
from farview.v1 import catalog_pb2 as pb
from server.convert.fields import (
    Amount,
    Day,
    EventTime,
    Id,
    OptionalId,
    RequestId,
    Surroundings,
    counted,
    distinct,
    storable,
)
from server.convert.parse import Parsed, parse

MAX_ROWS = 1_000
MAX_DETAILS = 100  # attributes of one, consents of one
MAX_TEXT = 1_000
DEFAULT_PURPOSE = "marketing"
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2199

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(storable)]


def _known_zone(name: str) -> str:
    if name and name not in available_timezones():
        raise ValueError(f"is {name!r}, which is not an IANA time zone (Europe/Berlin is one)")
    return name


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):
        raise ValueError(f"is {number}; it must be a finite number")
    return number


class AttributeFields(Parsed):
    """An attribute; no value removes it."""

    name: Id
    text: Text | None = None
    number: Annotated[float | None, AfterValidator(_finite)] = None
    truth: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Attribute) -> dict[str, Any]:
        kind = message.WhichOneof("value")
        return {"name": message.name} | ({} if kind is None else {kind: getattr(message, kind)})

    @property
    def value(self) -> str | float | bool | None:
        """What it holds; None: nothing any more."""
        return next((value for value in (self.text, self.number, self.truth) if value is not None), None)


def _distinct_names(attributes: tuple[AttributeFields, ...]) -> tuple[AttributeFields, ...]:
    distinct([attribute.name for attribute in attributes])
    return attributes


Attributes = Annotated[tuple[AttributeFields, ...], AfterValidator(_distinct_names), counted(0, MAX_DETAILS)]


class ConsentFields(Parsed):
    """What a customer said."""

    channel: Id
    purpose: OptionalId
    allowed: bool
    consent_time: EventTime

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Consent) -> dict[str, Any]:
        return {
            "channel": message.channel,
            "purpose": message.purpose or DEFAULT_PURPOSE,
            "allowed": message.allowed,
            "consent_time": message.consent_time if message.HasField("consent_time") else None,
        }


class CustomerFields(Parsed):
    """A customer; `time_zone` "": stays."""

    customer_id: Id
    time_zone: Annotated[str, AfterValidator(_known_zone)]
    attributes: Attributes
    consents: Annotated[tuple[ConsentFields, ...], counted(0, MAX_DETAILS)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Customer) -> dict[str, Any]:
        return {
            "customer_id": message.customer_id,
            "time_zone": message.time_zone,
            "attributes": tuple(message.attributes),
            "consents": tuple(message.consents),
        }


def _not_below_zero(price: Amount) -> Amount:
    if price.value < 0:
        raise ValueError(f"is {price.value}; it must be at least 0")
    return price


def _plausible(day: Any) -> Any:
    if day is not None and not _EARLIEST_YEAR <= day.year <= _LATEST_YEAR:
        raise ValueError(f"is {day}; it must be between {_EARLIEST_YEAR} and {_LATEST_YEAR}")
    return day


class ItemFields(Parsed):
    """An item; None and "": stays."""

    item_id: Id
    price: Annotated[Amount, AfterValidator(_not_below_zero)]
    category: OptionalId
    brand: OptionalId
    margin: Amount | None
    stock: Annotated[int, Field(ge=0)] | None
    added_date: Annotated[Day, AfterValidator(_plausible)]
    attributes: Attributes

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.CatalogItem) -> dict[str, Any]:
        return {
            "item_id": message.item_id,
            "price": message.price if message.HasField("price") else None,
            "category": message.category,
            "brand": message.brand,
            "margin": message.margin if message.HasField("margin") else None,
            "stock": message.stock if message.HasField("stock") else None,
            "added_date": message.added_date if message.HasField("added_date") else None,
            "attributes": tuple(message.attributes),
        }


def _distinct_customers(customers: tuple[CustomerFields, ...]) -> tuple[CustomerFields, ...]:
    distinct([customer.customer_id for customer in customers])
    return customers


def _distinct_items(items: tuple[ItemFields, ...]) -> tuple[ItemFields, ...]:
    distinct([item.item_id for item in items])
    return items


class UpsertCustomers(Parsed):
    """Customers to describe, all or none."""

    request_id: RequestId
    customers: Annotated[tuple[CustomerFields, ...], AfterValidator(_distinct_customers), counted(1, MAX_ROWS)]


class UpsertItems(Parsed):
    """Items to describe, all or none."""

    request_id: RequestId
    items: Annotated[tuple[ItemFields, ...], AfterValidator(_distinct_items), counted(1, MAX_ROWS)]


def upsert_customers(
    message: pb.UpsertCustomersRequest, around: Surroundings
) -> tuple[str, Sequence[DescribedCustomer]]:
    """The request's id and the customers; InvalidInput names the wrong fields, here and below."""
    fields = {"request_id": message.request_id, "customers": tuple(message.customers)}
    asked = parse(UpsertCustomers, fields, around)
    return asked.request_id, [_customer(row) for row in asked.customers]


def upsert_items(message: pb.UpsertItemsRequest, around: Surroundings) -> tuple[str, Sequence[DescribedItem]]:
    """The request's id and the items."""
    asked = parse(UpsertItems, {"request_id": message.request_id, "items": tuple(message.items)}, around)
    return asked.request_id, [_item(row) for row in asked.items]


def _customer(row: CustomerFields) -> DescribedCustomer:
    consents = tuple(SaidConsent(said.channel, said.purpose, said.allowed, said.consent_time) for said in row.consents)
    attributes = {attribute.name: attribute.value for attribute in row.attributes}
    return DescribedCustomer(row.customer_id, row.time_zone or None, attributes, consents)


def _item(row: ItemFields) -> DescribedItem:
    return DescribedItem(
        item_id=row.item_id,
        price=row.price.value,
        category=row.category or None,
        brand=row.brand or None,
        margin=None if row.margin is None else row.margin.value,
        stock=row.stock,
        added=row.added_date,
        attributes={attribute.name: attribute.value for attribute in row.attributes},
    )


class DeleteCustomer(Parsed):
    """Whom to forget."""

    request_id: RequestId
    customer_id: Id


def delete_customer(message: pb.DeleteCustomerRequest) -> DeleteCustomer:
    """The checked request."""
    return parse(DeleteCustomer, {"request_id": message.request_id, "customer_id": message.customer_id})
