"""Calls of SegmentService."""

from collections.abc import Iterator

from farview.client import messages
from farview.client.connection import Connection
from farview.client.values import Promise
from farview.v1 import prioritization_pb2, segment_pb2, segment_pb2_grpc

_ATTENTION = prioritization_pb2.EXPOSURE_UNIT_ATTENTION


class SegmentCalls:
    """See protos/farview/v1/segment.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._segments = segment_pb2_grpc.SegmentServiceStub(connection.channel)

    def set_segment(
        self, segment_id: str, where: str, description: str = "", *, request_id: str = ""
    ) -> segment_pb2.Segment:
        """Keeps a filter under a name, in place of the one it had. Give a `request_id` to make repeats safe too."""
        request = segment_pb2.SetSegmentRequest(
            request_id=messages.request_id(request_id),
            segment=segment_pb2.Segment(segment_id=segment_id, filter=where, description=description),
        )
        return self._connection.call(self._segments.SetSegment, request).segment

    def segment(self, segment_id: str) -> segment_pb2.Segment:
        """One segment."""
        request = segment_pb2.GetSegmentRequest(segment_id=segment_id)
        return self._connection.call(self._segments.GetSegment, request).segment

    def segments(self) -> Iterator[segment_pb2.Segment]:
        """All segments by id."""
        request = segment_pb2.ListSegmentsRequest()
        while True:
            page = self._connection.call(self._segments.ListSegments, request)
            yield from page.segments
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def delete_segment(self, segment_id: str, *, request_id: str = "") -> None:
        """Forgets a segment that is no guarantee's cohort."""
        request = segment_pb2.DeleteSegmentRequest(request_id=messages.request_id(request_id), segment_id=segment_id)
        self._connection.call(self._segments.DeleteSegment, request)

    def set_guarantee(self, promise: Promise, *, request_id: str = "") -> segment_pb2.Guarantee:
        """Keeps a promise of exposure, in place of the one of that id; `request_id` as in `set_segment`."""
        guarantee = segment_pb2.Guarantee(
            guarantee_id=promise.guarantee_id,
            ledger_id=promise.ledger_id,
            share=promise.share,
            window_days=promise.window_days,
            end_time=None if promise.end_time is None else messages.timestamp(promise.end_time),
            description=promise.description,
            exposure_unit=_ATTENTION if promise.by_attention else prioritization_pb2.EXPOSURE_UNIT_PLACES,
        )
        if promise.segment_id:
            guarantee.segment_id = promise.segment_id
        else:
            guarantee.cohort_filter = promise.cohort_filter
        request = segment_pb2.SetGuaranteeRequest(request_id=messages.request_id(request_id), guarantee=guarantee)
        return self._connection.call(self._segments.SetGuarantee, request).guarantee

    def guarantee(self, guarantee_id: str) -> segment_pb2.GetGuaranteeResponse:
        """A guarantee, and how it stands."""
        request = segment_pb2.GetGuaranteeRequest(guarantee_id=guarantee_id)
        return self._connection.call(self._segments.GetGuarantee, request)

    def guarantees(self) -> Iterator[segment_pb2.Guarantee]:
        """All guarantees by id."""
        request = segment_pb2.ListGuaranteesRequest()
        while True:
            page = self._connection.call(self._segments.ListGuarantees, request)
            yield from page.guarantees
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def delete_guarantee(self, guarantee_id: str, *, request_id: str = "") -> None:
        """Ends a promise at once."""
        request = segment_pb2.DeleteGuaranteeRequest(
            request_id=messages.request_id(request_id), guarantee_id=guarantee_id
        )
        self._connection.call(self._segments.DeleteGuarantee, request)
