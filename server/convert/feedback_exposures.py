"""Requests of RecordExposures, checked against the answer that their token names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.v1 import feedback_pb2 as pb
from server.convert.fields import LEEWAY, Distinct, EventTime, OptionalId, RequestId, Surroundings, counted, distinct
from server.convert.parse import MAX_VIOLATIONS, Parsed, parse
from server.feedback_tokens import Answer, FeedbackTokens

MAX_EXPOSURES = 1_000
MAX_RELEASED = 10_000


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


def _some_unless_released(exposures: tuple[Exposure, ...], info: ValidationInfo) -> tuple[Exposure, ...]:
    if not exposures and not info.data.get("released_places") and not info.data.get("release_rest"):
        raise ValueError("is empty; at least 1 is needed, unless places are released")
    return exposures


class RecordExposures(Parsed):
    """Exposures to store, all or none, their token unread."""

    request_id: RequestId
    feedback_token: Annotated[str, StringConstraints(min_length=1)]
    released_places: Annotated[tuple[Annotated[int, Field(ge=1)], ...], counted(0, MAX_RELEASED), Distinct]
    release_rest: bool
    exposures: Annotated[
        tuple[Exposure, ...],
        AfterValidator(_distinct_places),
        AfterValidator(_some_unless_released),
        counted(0, MAX_EXPOSURES),
    ]


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown, and of which answer."""

    request_id: str
    answer: Answer
    exposures: Sequence[Exposure]
    released: Sequence[int] | None  # places; None: all that are reserved and not shown


def record_exposures(message: pb.RecordExposuresRequest, around: Surroundings, tokens: FeedbackTokens) -> Shown:
    """The checked request; InvalidInput names the wrong fields."""
    fields = {
        "request_id": message.request_id,
        "feedback_token": message.feedback_token,
        "exposures": tuple(message.exposures),
        "released_places": tuple(message.released_places),
        "release_rest": message.release_rest,
    }
    asked = parse(RecordExposures, fields, around)
    answer = tokens.read(asked.feedback_token)
    wrong = [
        Violation(f"exposures[{index}].{field}", problem)
        for index, exposure in enumerate(asked.exposures)
        for field, problem in _not_of(answer, exposure)
    ]
    wrong += _wrongly_released(asked, answer)
    if wrong:
        raise InvalidInput(*wrong[:MAX_VIOLATIONS])
    return Shown(asked.request_id, answer, asked.exposures, None if asked.release_rest else asked.released_places)


def _wrongly_released(asked: RecordExposures, answer: Answer) -> Iterator[Violation]:
    shown = {exposure.place for exposure in asked.exposures}
    if asked.release_rest and asked.released_places:
        yield Violation("released_places", "cannot be sent with release_rest, which releases all (leave one out)")
    if answer.method != "PrioritizeCustomers" and (asked.release_rest or asked.released_places):
        yield Violation("released_places", f"are of audiences only; {answer.method} reserves nothing (leave it out)")
    for index, place in enumerate(asked.released_places):
        if place in shown:
            yield Violation(f"released_places[{index}]", f"is {place}, which is among the exposures (leave one out)")
        elif place > answer.places:
            problem = f"is {place:,}; the answer has {answer.places:,} places"
            yield Violation(f"released_places[{index}]", problem)


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
