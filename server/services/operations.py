"""google.longrunning.Operations: where the jobs are that JobService was asked for."""

import threading
import time

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from farview.store.queue import ENDED
from farview.store.store import Store
from server import page_token
from server.convert import operation_requests
from server.convert.job_answers import operation
from server.interceptors import refuse_when_late
from server.services.feedback import caller

_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_TO_ANSWER = 0.1  # before the caller's deadline


class OperationsService(operations_pb2_grpc.OperationsServicer):
    """See the comment of JobService in the contract.

    A waiting call holds a thread. So that waiting never keeps other calls from being answered, at most half of the
    threads wait; a call beyond them answers at once.
    """

    def __init__(self, store: Store, threads: int) -> None:
        self._store = store
        self._waiting = threading.BoundedSemaphore(max(threads // 2, 1))

    def GetOperation(
        self, request: operations_pb2.GetOperationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        return operation(self._store.queued_operation(operation_requests.named(request.name)))

    def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListOperationsResponse:
        asked = operation_requests.list_operations(request)
        after = page_token.unseal(asked.page_token, [asked.filter])["after"] if asked.page_token else None
        rows = self._store.queued_operations(where=asked.where(), page_size=asked.page_size + 1, after=after)
        page, token = rows[: asked.page_size], ""
        if len(rows) > len(page):
            token = page_token.seal({"after": page[-1].operation_id}, [asked.filter])
        return operations_pb2.ListOperationsResponse(operations=map(operation, page), next_page_token=token)

    def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        asked = operation_requests.wait_operation(request)
        seconds = asked.timeout.total_seconds()
        remaining = context.time_remaining()
        if remaining is not None:
            seconds = min(seconds, remaining - _SECONDS_TO_ANSWER)
        end = time.monotonic() + seconds
        found = self._store.queued_operation(asked.name)
        if not self._waiting.acquire(blocking=False):
            return operation(found)
        try:
            while found.state not in ENDED and context.is_active() and (left := end - time.monotonic()) > 0:
                time.sleep(min(left, _SECONDS_BETWEEN_LOOKS))
                found = self._store.queued_operation(asked.name)
        finally:
            self._waiting.release()
        return operation(found)

    def CancelOperation(
        self, request: operations_pb2.CancelOperationRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        asked = operation_requests.named(request.name)
        refuse_when_late(context)
        self._store.cancel_operation(asked, who=caller(context))
        return empty_pb2.Empty()

    def DeleteOperation(
        self, request: operations_pb2.DeleteOperationRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        asked = operation_requests.named(request.name)
        refuse_when_late(context)
        self._store.delete_operation(asked, who=caller(context))
        return empty_pb2.Empty()
