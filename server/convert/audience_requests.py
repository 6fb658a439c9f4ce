"""Requests about stored audiences, checked."""

from typing import Annotated

from pydantic import AfterValidator, Field

from farview.core.errors import InvalidInput
from farview.core.filters import FORECAST_FIELDS, compile_filter
from farview.store.job_requests import PrioritizeEveryone
from farview.v1 import job_pb2 as pb
from farview.v1 import prioritization_pb2
from server.convert.fields import RequestId, Surroundings
from server.convert.parse import Parsed, parse
from server.convert.prioritization_requests import PrioritizeCustomers, check_unit, fields_of

MAX_CAPACITY = 10_000_000
MAX_PAGE_SIZE = 10_000
DEFAULT_PAGE_SIZE = 1_000
_NOT_OF_A_JOB = {
    "customers": "cannot be named to a job (store them as a segment, or call PrioritizeCustomers)",
    "guarantee_ids": "cannot be reserved under by a job (call PrioritizeCustomers, or send floors)",
    "request_id": "belongs beside `audience` (leave it out)",
    "reservation_minutes": "belongs to guarantee_ids (leave it out)",
}


class LargeAudience(PrioritizeCustomers):
    """An audience larger than a call answers."""

    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)]


class StartPrioritization(Parsed):
    """An audience for a worker to choose."""

    request_id: RequestId
    audience: LargeAudience

    def for_worker(self) -> PrioritizeEveryone:
        """As a worker reads it."""
        asked = self.audience
        score, contact = asked.score.named(), asked.contacted
        fatigue = asked.score.fatigue
        return PrioritizeEveryone(
            capacity=asked.capacity,
            where=asked.filter,
            segment=asked.segment_id,
            horizon_days=asked.horizon_days,
            score=score.name,
            score_number=score.number,
            score_action=score.action,
            contact_cost=asked.score.cost,
            factors=tuple((one.filter, one.factor) for one in asked.score.factors),
            fatigue=None if fatigue is None else (fatigue.retained_share, fatigue.window_days),
            floors=tuple((floor.floor_id, floor.cohort_filter, floor.share) for floor in asked.floors),
            by_attention=asked.by_attention,
            report_shortfall=not asked.refuse,
            channel=contact.channel,
            purpose=contact.purpose,
            caps=tuple((cap.contacts, cap.days) for cap in contact.caps),
            seed=asked.seed or 0,
        )


def _audience_number(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"is {text!r}; it must be an audience_id of PrioritizationResult")
    return text


class ListAudienceMembers(Parsed):
    """A page of an audience."""

    audience_id: Annotated[str, AfterValidator(_audience_number)]
    page_size: Annotated[int, Field(ge=0, le=MAX_PAGE_SIZE), AfterValidator(lambda size: size or DEFAULT_PAGE_SIZE)]
    page_token: str

    @property
    def number(self) -> int:
        return int(self.audience_id)


def start_prioritization(message: pb.StartPrioritizationRequest, around: Surroundings) -> StartPrioritization:
    """The checked request; InvalidInput names the wrong fields, here and below."""
    if message.audience.score.thompson.include_propensities:
        raise InvalidInput.of(
            "audience.score.thompson.include_propensities", "is not stored (call PrioritizeCustomers)"
        )
    for field, why in _NOT_OF_A_JOB.items():
        if _is_set(message.audience, field):
            raise InvalidInput.of(f"audience.{field}", why)
    whole = {"request_id": message.request_id, "audience": fields_of(message.audience)}
    asked = parse(StartPrioritization, whole, around)
    audience = asked.audience
    check_unit(message.audience, "audience.")
    compile_filter(audience.filter, FORECAST_FIELDS, "audience.filter")
    for i, factor in enumerate(audience.score.factors):
        compile_filter(factor.filter, FORECAST_FIELDS, f"audience.score.factors[{i}].filter")
    for i, floor in enumerate(audience.floors):
        compile_filter(floor.cohort_filter, FORECAST_FIELDS, f"audience.floors[{i}].cohort_filter")
    return asked


def list_audience_members(message: pb.ListAudienceMembersRequest) -> ListAudienceMembers:
    """The checked request."""
    return parse(
        ListAudienceMembers,
        {"audience_id": message.audience_id, "page_size": message.page_size, "page_token": message.page_token},
    )


def _is_set(message: prioritization_pb2.PrioritizeCustomersRequest, field: str) -> bool:
    return any(known.name == field for known, _ in message.ListFields())
