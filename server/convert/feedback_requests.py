"""Requests of FeedbackService, checked."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator

from farview.v1 import feedback_pb2 as pb
from server.convert.fields import (
    Amount,
    Id,
    Instant,
    OptionalId,
    RequestId,
    Surroundings,
    counted,
    distinct,
    surroundings,
)
from server.convert.parse import Parsed, parse

MAX_TRANSACTIONS = 1_000
LEEWAY = timedelta(hours=24)


class Transaction(Parsed):
    """A purchase or a return to store; `transaction_id` "" means it has none."""

    transaction_id: OptionalId
    customer_id: Id
    transaction_time: Instant
    amount: Amount

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Transaction) -> dict[str, Any]:
        return {
            "transaction_id": message.transaction_id,
            "customer_id": message.customer_id,
            "transaction_time": message.transaction_time if message.HasField("transaction_time") else None,
            "amount": message.amount if message.HasField("amount") else None,
        }

    @field_validator("transaction_time")
    @classmethod
    def _not_in_the_future(cls, time: datetime, info: ValidationInfo) -> datetime:
        if time > surroundings(info).now + LEEWAY:
            raise ValueError(f"{time.isoformat()} is more than 24 hours after the server's clock (is it milliseconds?)")
        return time


def _distinct_ids(transactions: tuple[Transaction, ...]) -> tuple[Transaction, ...]:
    distinct([row.transaction_id or index for index, row in enumerate(transactions)])
    return transactions


class RecordTransactions(Parsed):
    """Transactions to store, all or none."""

    request_id: RequestId
    transactions: Annotated[tuple[Transaction, ...], AfterValidator(_distinct_ids), counted(1, MAX_TRANSACTIONS)]


def record_transactions(message: pb.RecordTransactionsRequest, around: Surroundings) -> RecordTransactions:
    """The checked request; InvalidInput names the wrong fields."""
    fields = {"request_id": message.request_id, "transactions": tuple(message.transactions)}
    return parse(RecordTransactions, fields, around)
