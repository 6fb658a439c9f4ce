"""JobService: rows for a worker to claim. Nothing is computed here."""

from datetime import UTC, datetime

import grpc
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from farview.store.job_requests import JobRequest
from farview.store.store import Store
from farview.store.writer import Writer
from farview.v1 import job_pb2 as pb
from farview.v1 import job_pb2_grpc
from server import page_token
from server.convert import audience_answers, audience_requests, job_requests
from server.convert.fields import Surroundings
from server.convert.job_answers import operation
from server.interceptors import refuse_when_late
from server.services.feedback import caller, write_request


class JobService(job_pb2_grpc.JobServiceServicer):
    """See the contract."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._currency = store.business().reporting_currency

    def StartTraining(
        self, request: pb.StartTrainingRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        asked = job_requests.start_training(request, self._around())
        return self._queued(asked.request_id, asked.for_worker(), request, context)

    def StartScoring(self, request: pb.StartScoringRequest, context: grpc.ServicerContext) -> operations_pb2.Operation:
        asked = job_requests.start_scoring(request, self._around())
        return self._queued(asked.request_id, asked.for_worker(), request, context)

    def StartPlanning(
        self, request: pb.StartPlanningRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        asked = job_requests.start_planning(request, self._around())
        return self._queued(asked.request_id, asked.for_worker(), request, context)

    def StartPrioritization(
        self, request: pb.StartPrioritizationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        asked = audience_requests.start_prioritization(request, self._around())
        return self._queued(asked.request_id, asked.for_worker(), request, context)

    def ListAudienceMembers(
        self, request: pb.ListAudienceMembersRequest, context: grpc.ServicerContext
    ) -> pb.ListAudienceMembersResponse:
        asked = audience_requests.list_audience_members(request)
        after = page_token.unseal(asked.page_token, [asked.audience_id])["after"] if asked.page_token else 0
        stored = self._store.audience(asked.number)
        page = self._store.audience_page(asked.number, page_size=asked.page_size + 1, after=after)
        shown, token = page.slice(0, asked.page_size), ""
        if page.num_rows > asked.page_size:
            last = shown.column("place")[-1].as_py()
            token = page_token.seal({"after": last}, [asked.audience_id])
        return audience_answers.members(stored, shown, token)

    def _around(self) -> Surroundings:
        return Surroundings(self._currency, datetime.now(UTC))

    def _queued(
        self, request_id: str, job: JobRequest, request: Message, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        def work(writer: Writer) -> bytes:
            queued = operation(writer.queue_operation(job, who=caller(context)))
            refuse_when_late(context)
            return queued.SerializeToString()

        answer = self._store.once(write_request(request_id, request), work)
        return operations_pb2.Operation.FromString(answer)
