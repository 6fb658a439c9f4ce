"""Requests of FeedbackService that record events, checked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.v1 import feedback_pb2 as pb
from server.convert.fields import (
    EventTime,
    Id,
    OptionalId,
    RecordedAmount,
    RequestId,
    Surroundings,
    counted,
    distinct,
)
from server.convert.parse import Parsed, parse

MAX_EVENTS = 1_000  # of one call
CONVERSION = "conversion"


class Transaction(Parsed):
    """A purchase or a return to store; `transaction_id` "" means it has none."""

    transaction_id: OptionalId
    customer_id: Id
    transaction_time: EventTime
    amount: RecordedAmount

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Transaction) -> dict[str, Any]:
        return {
            "transaction_id": message.transaction_id,
            "customer_id": message.customer_id,
            "transaction_time": message.transaction_time if message.HasField("transaction_time") else None,
            "amount": message.amount if message.HasField("amount") else None,
        }

    @property
    def event_id(self) -> str:
        """The id that may be named once."""
        return self.transaction_id


def _a_touch(interaction: str) -> str:
    if interaction.strip().lower() == CONVERSION:
        raise ValueError(f"is {interaction!r}, which is no touch (send `conversion` in place of `touch`)")
    return interaction


class Touch(Parsed):
    """Something that reached the customer; `propensity` None means it is not known."""

    channel: Id
    interaction: Annotated[Id, AfterValidator(_a_touch)]
    propensity: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Touch) -> dict[str, Any]:
        return {
            "channel": message.channel,
            "interaction": message.interaction,
            "propensity": message.propensity if message.HasField("propensity") else None,
        }


class Conversion(Parsed):
    """What the touches were for; `channel` "" means none in particular."""

    channel: OptionalId
    value: RecordedAmount | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Conversion) -> dict[str, Any]:
        return {"channel": message.channel, "value": message.value if message.HasField("value") else None}


class Touchpoint(Parsed):
    """A touch or a conversion to store: exactly one of the two. `touchpoint_id` "" means it has none."""

    touchpoint_id: OptionalId
    customer_id: Id
    touchpoint_time: EventTime
    touch: Touch | None
    conversion: Conversion | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Touchpoint) -> dict[str, Any]:
        kind = message.WhichOneof("kind")
        if kind is None:
            raise ValueError("is neither a touch nor a conversion; send `touch` or `conversion`")
        return {
            "touchpoint_id": message.touchpoint_id,
            "customer_id": message.customer_id,
            "touchpoint_time": message.touchpoint_time if message.HasField("touchpoint_time") else None,
            "touch": None,
            "conversion": None,
            kind: getattr(message, kind),
        }

    @property
    def event_id(self) -> str:
        """The id that may be named once."""
        return self.touchpoint_id


Event = TypeVar("Event", Transaction, Touchpoint)


def _distinct_ids(events: tuple[Event, ...]) -> tuple[Event, ...]:
    distinct([event.event_id or index for index, event in enumerate(events)])
    return events


class RecordTransactions(Parsed):
    """Transactions to store, all or none."""

    request_id: RequestId
    transactions: Annotated[tuple[Transaction, ...], AfterValidator(_distinct_ids), counted(1, MAX_EVENTS)]


class RecordTouchpoints(Parsed):
    """Touches and conversions to store, all or none."""

    request_id: RequestId
    touchpoints: Annotated[tuple[Touchpoint, ...], AfterValidator(_distinct_ids), counted(1, MAX_EVENTS)]


def record_transactions(message: pb.RecordTransactionsRequest, around: Surroundings) -> RecordTransactions:
    """The checked request; InvalidInput names the wrong fields, here and below."""
    fields = {"request_id": message.request_id, "transactions": tuple(message.transactions)}
    return parse(RecordTransactions, fields, around)


def record_touchpoints(message: pb.RecordTouchpointsRequest, around: Surroundings) -> RecordTouchpoints:
    """The checked request."""
    fields = {"request_id": message.request_id, "touchpoints": tuple(message.touchpoints)}
    return parse(RecordTouchpoints, fields, around)


@contextmanager
def touchpoint_paths() -> Iterator[None]:
    """Names wrong fields as the request does: the store's "conversion_value" is "conversion.value"."""
    try:
        yield
    except InvalidInput as error:
        paths = (re.sub(r"\.conversion_value$", ".conversion.value", wrong.field) for wrong in error.violations)
        problems = (wrong.problem for wrong in error.violations)
        raise InvalidInput(*map(Violation, paths, problems)) from None
