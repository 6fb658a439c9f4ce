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
from server.convert import job_requests
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
