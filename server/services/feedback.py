"""FeedbackService: what happened."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from farview.store.store import Store
from farview.store.values import Answered, Exposure, Touchpoint, Transaction, WriteCounts, WriteRequest
from farview.store.writer import Writer
from farview.v1 import feedback_pb2 as pb
from farview.v1 import feedback_pb2_grpc
from server.convert import basics, feedback_exposures, feedback_requests
from server.convert.feedback_requests import CONVERSION
from server.convert.fields import Surroundings
from server.feedback_tokens import FeedbackTokens
from server.interceptors import refuse_when_late


class FeedbackService(feedback_pb2_grpc.FeedbackServiceServicer):
    """See the contract."""

    def __init__(self, store: Store, tokens: FeedbackTokens) -> None:
        self._store = store
        self._tokens = tokens
        self._currency = store.business().reporting_currency

    def RecordTransactions(
        self, request: pb.RecordTransactionsRequest, context: grpc.ServicerContext
    ) -> pb.RecordTransactionsResponse:
        around = self._around()
        asked = feedback_requests.record_transactions(request, around)
        rows = [_transaction(row) for row in asked.transactions]

        def work(writer: Writer) -> Message:
            counts = writer.record_transactions(rows, who=caller(context))
            return _recorded(pb.RecordTransactionsResponse, counts, around)

        answer = self._once(asked.request_id, request, context, work)
        return pb.RecordTransactionsResponse.FromString(answer)

    def RecordTouchpoints(
        self, request: pb.RecordTouchpointsRequest, context: grpc.ServicerContext
    ) -> pb.RecordTouchpointsResponse:
        around = self._around()
        asked = feedback_requests.record_touchpoints(request, around)
        rows = [_touchpoint(row) for row in asked.touchpoints]

        def work(writer: Writer) -> Message:
            with feedback_requests.touchpoint_paths():
                counts = writer.record_touchpoints(rows, who=caller(context))
            return _recorded(pb.RecordTouchpointsResponse, counts, around)

        answer = self._once(asked.request_id, request, context, work)
        return pb.RecordTouchpointsResponse.FromString(answer)

    def RecordExposures(
        self, request: pb.RecordExposuresRequest, context: grpc.ServicerContext
    ) -> pb.RecordExposuresResponse:
        shown = feedback_exposures.record_exposures(request, self._around(), self._tokens)
        told = shown.answer
        answered = Answered(told.answer_id, told.method, told.forecast_run_id, told.model_version, told.plan_id)
        rows = [
            Exposure(row.place, row.exposure_time, row.customer_id or told.customer_id, row.item_id or None)
            for row in shown.exposures
        ]

        customers = {row.place: row.customer_id or "" for row in rows}

        def work(writer: Writer) -> Message:
            settled = writer.settle(told.answer_id, customers, shown.released)
            counts = writer.record_exposures(answered, rows, who=caller(context))
            return pb.RecordExposuresResponse(
                new_count=counts.added,
                unchanged_count=counts.unchanged,
                confirmed_count=settled.confirmed,
                released_count=settled.released,
            )

        answer = self._once(shown.request_id, request, context, work)
        return pb.RecordExposuresResponse.FromString(answer)

    def _around(self) -> Surroundings:
        return Surroundings(self._currency, datetime.now(UTC))

    def _once(
        self, request_id: str, request: Message, context: grpc.ServicerContext, work: Callable[[Writer], Message]
    ) -> bytes:
        """The answer, remembered; nothing is written for a caller who has gone."""

        def timely(writer: Writer) -> bytes:
            answer = work(writer).SerializeToString()
            refuse_when_late(context)
            return answer

        return self._store.once(write_request(request_id, request), timely)


def _transaction(row: feedback_requests.Transaction) -> Transaction:
    return Transaction(
        customer_id=row.customer_id,
        time=row.transaction_time,
        amount=row.amount.value,
        currency=row.amount.currency_code,
        transaction_id=row.transaction_id or None,
    )


def _touchpoint(row: feedback_requests.Touchpoint) -> Touchpoint:
    identity = row.customer_id, row.touchpoint_time
    touchpoint_id = row.touchpoint_id or None
    if row.conversion is None:
        assert row.touch is not None
        touch = row.touch
        return Touchpoint(
            *identity, touch.interaction, touch.channel, propensity=touch.propensity, touchpoint_id=touchpoint_id
        )
    value = row.conversion.value
    return Touchpoint(
        *identity,
        CONVERSION,
        row.conversion.channel or None,
        conversion_value=None if value is None else value.value,
        touchpoint_id=touchpoint_id,
        currency=None if value is None else value.currency_code,
    )


Recorded = TypeVar("Recorded", pb.RecordTransactionsResponse, pb.RecordTouchpointsResponse)


def _recorded(kind: type[Recorded], counts: WriteCounts, around: Surroundings) -> Recorded:
    return kind(
        new_count=counts.added,
        unchanged_count=counts.unchanged,
        corrected_count=counts.corrected,
        ingest_time=basics.instant(around.now),
    )


def write_request(request_id: str, request: Message) -> WriteRequest:
    """Identity of a write: its id, its kind, and a hash of every field."""
    body = request.SerializeToString(deterministic=True)
    return WriteRequest(request_id, request.DESCRIPTOR.full_name, hashlib.sha256(body).hexdigest())


def caller(context: grpc.ServicerContext) -> str:
    """Who asks, for the audit log; the address, as long as callers have no identity."""
    return f"rpc {context.peer()}"
