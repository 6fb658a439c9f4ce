"""FeedbackService: what happened."""

import hashlib
from datetime import UTC, datetime

import grpc
from google.protobuf.message import Message

from farview.store.store import Store
from farview.store.values import Transaction, WriteRequest
from farview.store.writer import Writer
from farview.v1 import feedback_pb2 as pb
from farview.v1 import feedback_pb2_grpc
from server.convert import basics, feedback_requests
from server.convert.fields import Surroundings
from server.interceptors import refuse_when_late


class FeedbackService(feedback_pb2_grpc.FeedbackServiceServicer):
    """See the contract."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._currency = store.business().reporting_currency

    def RecordTransactions(
        self, request: pb.RecordTransactionsRequest, context: grpc.ServicerContext
    ) -> pb.RecordTransactionsResponse:
        now = datetime.now(UTC)
        asked = feedback_requests.record_transactions(request, Surroundings(self._currency, now))
        rows = [
            Transaction(
                customer_id=row.customer_id,
                time=row.transaction_time,
                amount=row.amount.value,
                currency=row.amount.currency_code,
                transaction_id=row.transaction_id or None,
            )
            for row in asked.transactions
        ]

        def work(writer: Writer) -> bytes:
            counts = writer.record_transactions(rows, who=caller(context))
            refuse_when_late(context)
            return pb.RecordTransactionsResponse(
                new_count=counts.added,
                unchanged_count=counts.unchanged,
                corrected_count=counts.corrected,
                ingest_time=basics.instant(now),
            ).SerializeToString()

        answer = self._store.once(write_request(asked.request_id, request), work)
        return pb.RecordTransactionsResponse.FromString(answer)


def write_request(request_id: str, request: Message) -> WriteRequest:
    """Identity of a write: its id, its kind, and a hash of every field."""
    body = request.SerializeToString(deterministic=True)
    return WriteRequest(request_id, request.DESCRIPTOR.full_name, hashlib.sha256(body).hexdigest())


def caller(context: grpc.ServicerContext) -> str:
    """Who asks, for the audit log; the address, as long as callers have no identity."""
    return f"rpc {context.peer()}"
