"""Calls of FeedbackService."""

from collections.abc import Sequence

from farview.client import messages
from farview.client.connection import Connection
from farview.client.values import Transaction
from farview.v1 import feedback_pb2, feedback_pb2_grpc


class FeedbackCalls:
    """See protos/farview/v1/feedback.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._feedback = feedback_pb2_grpc.FeedbackServiceStub(connection.channel)

    def record(
        self, transactions: Sequence[Transaction], *, request_id: str = ""
    ) -> feedback_pb2.RecordTransactionsResponse:
        """Stores at most 1,000 transactions, all or none. Give a `request_id` to make repeats of this call safe too."""
        request = feedback_pb2.RecordTransactionsRequest(
            request_id=messages.request_id(request_id),
            transactions=[
                feedback_pb2.Transaction(
                    transaction_id=row.transaction_id,
                    customer_id=row.customer_id,
                    transaction_time=messages.timestamp(row.purchase.time),
                    amount=messages.money(row.purchase),
                )
                for row in transactions
            ],
        )
        return self._connection.call(self._feedback.RecordTransactions, request)
