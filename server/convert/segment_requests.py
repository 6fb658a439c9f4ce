"""Requests of SegmentService, checked."""

from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from farview.core.filters import FORECAST_FIELDS, compile_filter
from farview.store.promises import GuaranteeTerms, Segment
from farview.v1 import prioritization_pb2
from farview.v1 import segment_pb2 as pb
from ranking.floors import exact_share
from server.convert.fields import Instant, Name, RequestId, known_value, storable
from server.convert.forecast_requests import PageSize
from server.convert.parse import Parsed, parse

MAX_WINDOW_DAYS = 3_650
DEFAULT_WINDOW_DAYS = 7
DEFAULT_LEDGER = "default"
MOST_PARTS = 10**6  # of the whole that a share is a fraction of

Text = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(storable)]
FilterText = Annotated[str, StringConstraints(min_length=1), AfterValidator(storable)]


def _fraction(share: float) -> Fraction:
    exact = exact_share(share) if 0 < share <= 1 else None
    if exact is None:
        raise ValueError(f"is {share:g}; it must be above 0 and at most 1")
    if exact.denominator > MOST_PARTS:
        raise ValueError(f"is {share!r}, no fraction with a denominator up to {MOST_PARTS:,} (round it to 6 decimals)")
    return exact


class SegmentFields(Parsed):
    """A segment to keep."""

    segment_id: Name
    filter: FilterText
    description: Text

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Segment) -> dict[str, Any]:
        return {"segment_id": message.segment_id, "filter": message.filter, "description": message.description}


class GuaranteeFields(Parsed):
    """A guarantee to keep; exactly one of `cohort_filter` and `segment_id`."""

    guarantee_id: Name
    ledger_id: Name
    share: Annotated[Fraction, BeforeValidator(_fraction)]
    cohort_filter: FilterText | None
    segment_id: Name | None
    window_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)]
    end_time: Instant | None
    description: Text
    exposure_unit: Annotated[int, known_value(prioritization_pb2.ExposureUnit)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Guarantee) -> dict[str, Any]:
        kind = message.WhichOneof("cohort")
        if kind is None:
            raise ValueError("names no cohort; send `cohort_filter` or `segment_id`")
        return {
            "guarantee_id": message.guarantee_id,
            "ledger_id": message.ledger_id or DEFAULT_LEDGER,
            "share": message.share,
            "cohort_filter": None,
            "segment_id": None,
            kind: getattr(message, kind),
            "window_days": message.window_days or DEFAULT_WINDOW_DAYS,
            "end_time": message.end_time if message.HasField("end_time") else None,
            "description": message.description,
            "exposure_unit": message.exposure_unit,
        }


class SetSegment(Parsed):
    """Keep a segment."""

    request_id: RequestId
    segment: SegmentFields


class SetGuarantee(Parsed):
    """Keep a guarantee."""

    request_id: RequestId
    guarantee: GuaranteeFields


class GetSegment(Parsed):
    """Which segment."""

    segment_id: Name


class GetGuarantee(Parsed):
    """Which guarantee."""

    guarantee_id: Name


class DeleteSegment(GetSegment):
    """Which segment to forget."""

    request_id: RequestId


class DeleteGuarantee(GetGuarantee):
    """Which guarantee to end."""

    request_id: RequestId


class Listed(Parsed):
    """One page."""

    page_size: PageSize
    page_token: str


def set_segment(message: pb.SetSegmentRequest) -> tuple[str, Segment]:
    """The request's id and the segment; InvalidInput names the wrong fields, here and below."""
    asked = parse(SetSegment, {"request_id": message.request_id, "segment": message.segment})
    fields = asked.segment
    compile_filter(fields.filter, FORECAST_FIELDS, "segment.filter")
    return asked.request_id, Segment(fields.segment_id, fields.filter, fields.description)


def set_guarantee(message: pb.SetGuaranteeRequest) -> tuple[str, GuaranteeTerms]:
    """The request's id and the guarantee."""
    asked = parse(SetGuarantee, {"request_id": message.request_id, "guarantee": message.guarantee})
    fields = asked.guarantee
    if fields.cohort_filter is not None:
        compile_filter(fields.cohort_filter, FORECAST_FIELDS, "guarantee.cohort_filter")
    return asked.request_id, GuaranteeTerms(
        guarantee_id=fields.guarantee_id,
        ledger=fields.ledger_id,
        share=fields.share,
        cohort_filter=fields.cohort_filter,
        segment_id=fields.segment_id,
        window_days=fields.window_days,
        end_time=fields.end_time,
        description=fields.description,
        by_attention=fields.exposure_unit == prioritization_pb2.EXPOSURE_UNIT_ATTENTION,
    )


def get_segment(message: pb.GetSegmentRequest) -> str:
    """The segment's id."""
    return parse(GetSegment, {"segment_id": message.segment_id}).segment_id


def get_guarantee(message: pb.GetGuaranteeRequest) -> str:
    """The guarantee's id."""
    return parse(GetGuarantee, {"guarantee_id": message.guarantee_id}).guarantee_id


def delete_segment(message: pb.DeleteSegmentRequest) -> DeleteSegment:
    """The checked request."""
    return parse(DeleteSegment, {"request_id": message.request_id, "segment_id": message.segment_id})


def delete_guarantee(message: pb.DeleteGuaranteeRequest) -> DeleteGuarantee:
    """The checked request."""
    return parse(DeleteGuarantee, {"request_id": message.request_id, "guarantee_id": message.guarantee_id})


def listed(message: pb.ListSegmentsRequest | pb.ListGuaranteesRequest) -> Listed:
    """Which page."""
    return parse(Listed, {"page_size": message.page_size, "page_token": message.page_token})
