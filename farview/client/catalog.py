"""Calls of CatalogService."""

from collections.abc import Mapping, Sequence

from farview.client import messages
from farview.client.connection import Connection
from farview.client.values import CatalogEntry, CustomerProfile
from farview.v1 import catalog_pb2, catalog_pb2_grpc


class CatalogCalls:
    """See protos/farview/v1/catalog.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(connection.channel)

    def upsert_customers(
        self, customers: Sequence[CustomerProfile], *, request_id: str = ""
    ) -> catalog_pb2.UpsertCustomersResponse:
        """Adds to what is known of at most 1,000 customers, all or none. A `request_id` makes repeats safe too."""
        request = catalog_pb2.UpsertCustomersRequest(
            request_id=messages.request_id(request_id), customers=map(_customer, customers)
        )
        return self._connection.call(self._catalog.UpsertCustomers, request)

    def delete_customer(self, customer_id: str, *, request_id: str = "") -> catalog_pb2.DeleteCustomerResponse:
        """Forgets a customer: every row, every remembered answer. Raises NotFound."""
        request = catalog_pb2.DeleteCustomerRequest(request_id=messages.request_id(request_id), customer_id=customer_id)
        return self._connection.call(self._catalog.DeleteCustomer, request)

    def upsert_items(self, items: Sequence[CatalogEntry], *, request_id: str = "") -> catalog_pb2.UpsertItemsResponse:
        """Adds at most 1,000 items or changes them, all or none; `request_id` as in `upsert_customers`."""
        request = catalog_pb2.UpsertItemsRequest(request_id=messages.request_id(request_id), items=map(_item, items))
        return self._connection.call(self._catalog.UpsertItems, request)


def _customer(profile: CustomerProfile) -> catalog_pb2.Customer:
    return catalog_pb2.Customer(
        customer_id=profile.customer_id,
        time_zone=profile.time_zone,
        attributes=_attributes(profile.attributes),
        consents=[
            catalog_pb2.Consent(
                channel=said.channel,
                purpose=said.purpose,
                allowed=said.allowed,
                consent_time=messages.timestamp(said.time),
            )
            for said in profile.consents
        ],
    )


def _item(entry: CatalogEntry) -> catalog_pb2.CatalogItem:
    return catalog_pb2.CatalogItem(
        item_id=entry.item_id,
        price=messages.money_of(entry.price, entry.currency),
        category=entry.category,
        brand=entry.brand,
        margin=None if entry.margin is None else messages.money_of(entry.margin, entry.currency),
        stock=entry.stock,
        added_date=None if entry.added is None else messages.day(entry.added),
        attributes=_attributes(entry.attributes),
    )


def _attributes(values: Mapping[str, str | float | bool | None]) -> list[catalog_pb2.Attribute]:
    return [_attribute(name, value) for name, value in values.items()]


def _attribute(name: str, value: str | float | bool | None) -> catalog_pb2.Attribute:
    if isinstance(value, bool):
        return catalog_pb2.Attribute(name=name, truth=value)
    if isinstance(value, str):
        return catalog_pb2.Attribute(name=name, text=value)
    if value is None:
        return catalog_pb2.Attribute(name=name)
    return catalog_pb2.Attribute(name=name, number=value)
