"""Calls of FeedbackService."""

from collections.abc import Sequence

from farview.client import messages
from farview.client.connection import Connection
from farview.client.values import Conversion, Exposure, Touch, Transaction
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

    def record_touchpoints(
        self, touchpoints: Sequence[Touch | Conversion], *, request_id: str = ""
    ) -> feedback_pb2.RecordTouchpointsResponse:
        """Stores at most 1,000 touches and conversions, all or none; `request_id` as in `record`."""
        request = feedback_pb2.RecordTouchpointsRequest(
            request_id=messages.request_id(request_id), touchpoints=[_touchpoint(row) for row in touchpoints]
        )
        return self._connection.call(self._feedback.RecordTouchpoints, request)

    def record_exposures(
        self,
        feedback_token: str,
        exposures: Sequence[Exposure],
        *,
        released: Sequence[int] | None = (),
        request_id: str = "",
    ) -> feedback_pb2.RecordExposuresResponse:
        """Stores which places of an answer were shown, at most 1,000; `feedback_token` is the answer's.

        Args:
            released: places reserved under guarantees that nobody will be contacted for; None: all but those shown.
        """
        request = feedback_pb2.RecordExposuresRequest(
            request_id=messages.request_id(request_id),
            feedback_token=feedback_token,
            exposures=[
                feedback_pb2.Exposure(
                    place=row.place,
                    exposure_time=messages.timestamp(row.time),
                    customer_id=row.customer_id,
                    item_id=row.item_id,
                )
                for row in exposures
            ],
            released_places=released,
            release_rest=released is None,
        )
        return self._connection.call(self._feedback.RecordExposures, request)


def _touchpoint(row: Touch | Conversion) -> feedback_pb2.Touchpoint:
    message = feedback_pb2.Touchpoint(
        touchpoint_id=row.touchpoint_id,
        customer_id=row.customer_id,
        touchpoint_time=messages.timestamp(row.time),
    )
    if isinstance(row, Touch):
        touch = feedback_pb2.Touch(channel=row.channel, interaction=row.interaction, propensity=row.propensity)
        message.touch.CopyFrom(touch)
    else:
        value = None if row.value is None else messages.money_of(row.value, row.currency)
        message.conversion.CopyFrom(feedback_pb2.Conversion(channel=row.channel, value=value))
    return message
