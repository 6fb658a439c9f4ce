"""SegmentService: filters with names, and promises of exposure."""

from collections.abc import Callable

import grpc
from google.protobuf.message import Message

from farview.store.store import Store
from farview.store.writer import Writer
from farview.v1 import segment_pb2 as pb
from farview.v1 import segment_pb2_grpc
from server import page_token
from server.convert import segment_answers, segment_requests
from server.interceptors import refuse_when_late
from server.services.feedback import caller, write_request


class SegmentService(segment_pb2_grpc.SegmentServiceServicer):
    """See the contract."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def SetSegment(self, request: pb.SetSegmentRequest, context: grpc.ServicerContext) -> pb.SetSegmentResponse:
        request_id, segment = segment_requests.set_segment(request)

        def work(writer: Writer) -> Message:
            stored = writer.set_segment(segment, who=caller(context))
            return pb.SetSegmentResponse(segment=segment_answers.segment(stored))

        return pb.SetSegmentResponse.FromString(self._once(request_id, request, context, work))

    def GetSegment(self, request: pb.GetSegmentRequest, context: grpc.ServicerContext) -> pb.GetSegmentResponse:
        stored = self._store.segment(segment_requests.get_segment(request))
        return pb.GetSegmentResponse(segment=segment_answers.segment(stored))

    def ListSegments(self, request: pb.ListSegmentsRequest, context: grpc.ServicerContext) -> pb.ListSegmentsResponse:
        asked = segment_requests.listed(request)
        found = self._store.segments(page_size=asked.page_size + 1, after=_after(asked.page_token))
        page = found[: asked.page_size]
        token = _token(page[-1].segment.segment_id) if len(found) > len(page) else ""
        return pb.ListSegmentsResponse(segments=map(segment_answers.segment, page), next_page_token=token)

    def DeleteSegment(
        self, request: pb.DeleteSegmentRequest, context: grpc.ServicerContext
    ) -> pb.DeleteSegmentResponse:
        asked = segment_requests.delete_segment(request)

        def work(writer: Writer) -> Message:
            writer.delete_segment(asked.segment_id, who=caller(context))
            return pb.DeleteSegmentResponse()

        return pb.DeleteSegmentResponse.FromString(self._once(asked.request_id, request, context, work))

    def SetGuarantee(self, request: pb.SetGuaranteeRequest, context: grpc.ServicerContext) -> pb.SetGuaranteeResponse:
        request_id, terms = segment_requests.set_guarantee(request)

        def work(writer: Writer) -> Message:
            stored = writer.set_guarantee(terms, who=caller(context))
            return pb.SetGuaranteeResponse(guarantee=segment_answers.guarantee(stored))

        return pb.SetGuaranteeResponse.FromString(self._once(request_id, request, context, work))

    def GetGuarantee(self, request: pb.GetGuaranteeRequest, context: grpc.ServicerContext) -> pb.GetGuaranteeResponse:
        stored = self._store.guarantee(segment_requests.get_guarantee(request))
        states = self._store.floor_states(stored.terms.guarantee_id)
        current = next((segment_answers.standing(state) for state in states if state.is_open), None)
        return pb.GetGuaranteeResponse(guarantee=segment_answers.guarantee(stored), standing=current)

    def ListGuarantees(
        self, request: pb.ListGuaranteesRequest, context: grpc.ServicerContext
    ) -> pb.ListGuaranteesResponse:
        asked = segment_requests.listed(request)
        found = self._store.guarantees(page_size=asked.page_size + 1, after=_after(asked.page_token))
        page = found[: asked.page_size]
        token = _token(page[-1].terms.guarantee_id) if len(found) > len(page) else ""
        return pb.ListGuaranteesResponse(guarantees=map(segment_answers.guarantee, page), next_page_token=token)

    def DeleteGuarantee(
        self, request: pb.DeleteGuaranteeRequest, context: grpc.ServicerContext
    ) -> pb.DeleteGuaranteeResponse:
        asked = segment_requests.delete_guarantee(request)

        def work(writer: Writer) -> Message:
            writer.delete_guarantee(asked.guarantee_id, who=caller(context))
            return pb.DeleteGuaranteeResponse()

        return pb.DeleteGuaranteeResponse.FromString(self._once(asked.request_id, request, context, work))

    def _once(
        self, request_id: str, request: Message, context: grpc.ServicerContext, work: Callable[[Writer], Message]
    ) -> bytes:
        """The answer, remembered; nothing is written for a caller who has gone."""

        def timely(writer: Writer) -> bytes:
            answer = work(writer).SerializeToString()
            refuse_when_late(context)
            return answer

        return self._store.once(write_request(request_id, request), timely)


def _after(page: str) -> str:
    return str(page_token.unseal(page, [])["after"]) if page else ""


def _token(last: str) -> str:
    return page_token.seal({"after": last}, [])
