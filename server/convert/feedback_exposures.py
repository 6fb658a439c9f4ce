"""Requests of RecordExposures, checked against the answer that their token names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.v1 import feedback_pb2 as pb
from server.convert.fields import LEEWAY, EventTime, OptionalId, RequestId, Surroundings, counted, distinct
from server.convert.parse import MAX_VIOLATIONS, Parsed, parse
from server.feedback_tokens import Answer, FeedbackTokens

MAX_EXPOSURES = 1_000


class Exposure(Parsed):
    """A place that was shown; "" where an id is not told."""

    place: Annotated[int, Field(ge=1)]
    exposure_time: EventTime
    customer_id: OptionalId
    item_id: OptionalId

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Exposure) -> dict[str, Any]:
        return {
            "place": message.place,
            "exposure_time": message.exposure_time if message.HasField("exposure_time") else None,
            "customer_id": message.customer_id,
            "item_id": message.item_id,
        }


def _distinct_places(exposures: tuple[Exposure, ...]) -> tuple[Exposure, ...]:
    distinct([exposure.place for exposure in exposures])
    return exposures


class RecordExposures(Parsed):
    """Exposures to store, all or none, their token unread."""

    request_id: RequestId
    feedback_token: Annotated[str, StringConstraints(min_length=1)]
    exposures: Annotated[tuple[Exposure, ...], AfterValidator(_distinct_places), counted(1, MAX_EXPOSURES)]


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown, and of which answer."""

    request_id: str
    answer: Answer
    exposures: Sequence[Exposure]


def record_exposures(message: pb.RecordExposuresRequest, around: Surroundings, tokens: FeedbackTokens) -> Shown:
    """The checked request; InvalidInput names the wrong fields."""
    fields = {
        "request_id": message.request_id,
        "feedback_token": message.feedback_token,
        "exposures": tuple(message.exposures),
    }
    asked = parse(RecordExposures, fields, around)
    answer = tokens.read(asked.feedback_token)
    wrong = [
        Violation(f"exposures[{index}].{field}", problem)
        for index, exposure in enumerate(asked.exposures)
        for field, problem in _not_of(answer, exposure)
    ]
    if wrong:
        raise InvalidInput(*wrong[:MAX_VIOLATIONS])
    return Shown(asked.request_id, answer, asked.exposures)


def _not_of(answer: Answer, exposure: Exposure) -> Iterator[tuple[str, str]]:
    """Fields of an exposure that cannot be of this answer, with the mend."""
    if exposure.place > answer.places:
        yield "place", f"is {exposure.place:,}; the answer has {answer.places:,} places"
    if exposure.exposure_time < answer.issued_at - LEEWAY:
        said, issued = exposure.exposure_time.isoformat(), answer.issued_at.isoformat()
        yield "exposure_time", f"{said} is more than 24 hours before the answer, which was given at {issued}"
    if answer.method == "PrioritizeCustomers" and not exposure.customer_id:
        yield "customer_id", "is empty; say which customer stood at this place"
    if answer.customer_id is not None and exposure.customer_id not in ("", answer.customer_id):
        yield "customer_id", f"is {exposure.customer_id!r}; the plan is for {answer.customer_id!r} (or leave it out)"
    if answer.method == "RankItems" and not exposure.item_id:
        yield "item_id", "is empty; say which item stood at this place"
    if answer.method != "RankItems" and exposure.item_id:
        yield "item_id", f"is {exposure.item_id!r}; {answer.method} answers no items (leave it out)"
