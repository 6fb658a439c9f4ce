"""Segments and guarantees as protobuf messages."""

from farview.store.promises import AttentionState, FloorState, StoredGuarantee, StoredSegment
from farview.v1 import prioritization_pb2
from farview.v1 import segment_pb2 as pb
from server.convert.basics import instant

_PLACES, _ATTENTION = prioritization_pb2.EXPOSURE_UNIT_PLACES, prioritization_pb2.EXPOSURE_UNIT_ATTENTION


def segment(stored: StoredSegment) -> pb.Segment:
    """A segment."""
    return pb.Segment(
        segment_id=stored.segment.segment_id,
        filter=stored.segment.filter,
        description=stored.segment.description,
        create_time=instant(stored.created_at),
        update_time=instant(stored.updated_at),
    )


def guarantee(stored: StoredGuarantee) -> pb.Guarantee:
    """A guarantee."""
    terms = stored.terms
    message = pb.Guarantee(
        guarantee_id=terms.guarantee_id,
        ledger_id=terms.ledger,
        share=float(terms.share),
        window_days=terms.window_days,
        end_time=None if terms.end_time is None else instant(terms.end_time),
        description=terms.description,
        create_time=instant(stored.created_at),
        update_time=instant(stored.updated_at),
        exposure_unit=_ATTENTION if terms.by_attention else _PLACES,
    )
    if terms.segment_id is not None:
        message.segment_id = terms.segment_id
    else:
        message.cohort_filter = terms.cohort_filter or ""
    return message


def standing(state: FloorState) -> pb.GuaranteeStanding:
    """How a guarantee stands."""
    return pb.GuaranteeStanding(
        window_start_time=instant(state.window_start),
        window_end_time=instant(state.window_end),
        slot_count=state.slots,
        promised_count=state.promised or 0,
        kept_count=state.kept,
        deficit_count=state.deficit or 0,
        reserved_count=state.reserved,
        attention=_attended(state.attention),
    )


def _attended(state: AttentionState | None) -> pb.GuaranteeAttention | None:
    if state is None:
        return None
    return pb.GuaranteeAttention(total=state.total, promised=state.promised, kept=state.kept, deficit=state.deficit)
