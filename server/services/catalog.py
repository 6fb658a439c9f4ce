"""CatalogService: what is known of customers and items."""

from datetime import UTC, datetime

import grpc

from farview.store.store import Store
from farview.store.writer import Writer
from farview.v1 import catalog_pb2 as pb
from farview.v1 import catalog_pb2_grpc
from server.convert import catalog_requests
from server.convert.fields import Surroundings
from server.convert.forgetting import without_customer
from server.interceptors import refuse_when_late
from server.services.feedback import caller, write_request


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """See the contract."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._currency = store.business().reporting_currency

    def UpsertCustomers(
        self, request: pb.UpsertCustomersRequest, context: grpc.ServicerContext
    ) -> pb.UpsertCustomersResponse:
        request_id, rows = catalog_requests.upsert_customers(request, self._around())

        def work(writer: Writer) -> bytes:
            counts, said = writer.upsert_customers(rows, who=caller(context))
            refuse_when_late(context)
            return pb.UpsertCustomersResponse(
                new_count=counts.added,
                unchanged_count=counts.unchanged,
                changed_count=counts.corrected,
                consent_count=said.added + said.corrected,
            ).SerializeToString()

        return pb.UpsertCustomersResponse.FromString(self._store.once(write_request(request_id, request), work))

    def DeleteCustomer(
        self, request: pb.DeleteCustomerRequest, context: grpc.ServicerContext
    ) -> pb.DeleteCustomerResponse:
        asked = catalog_requests.delete_customer(request)

        def without(method: str, answer: bytes) -> bytes:
            return without_customer(method, answer, asked.customer_id)

        def work(writer: Writer) -> bytes:
            gone = writer.forget_customer(asked.customer_id, without, who=caller(context))
            refuse_when_late(context)
            told = pb.DeleteCustomerResponse(deleted_count=gone.rows, changed_answer_count=gone.answers)
            return told.SerializeToString()

        told = self._store.once(write_request(asked.request_id, request), work)
        return pb.DeleteCustomerResponse.FromString(told)

    def UpsertItems(self, request: pb.UpsertItemsRequest, context: grpc.ServicerContext) -> pb.UpsertItemsResponse:
        request_id, rows = catalog_requests.upsert_items(request, self._around())

        def work(writer: Writer) -> bytes:
            counts = writer.upsert_items(rows)
            refuse_when_late(context)
            return pb.UpsertItemsResponse(
                new_count=counts.added, unchanged_count=counts.unchanged, changed_count=counts.corrected
            ).SerializeToString()

        return pb.UpsertItemsResponse.FromString(self._store.once(write_request(request_id, request), work))

    def _around(self) -> Surroundings:
        return Surroundings(self._currency, datetime.now(UTC))
