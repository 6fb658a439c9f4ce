"""What happens around every call: request id, log line, metrics, deadline, decoding, errors."""

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from structlog.typing import FilteringBoundLogger

from farview.core.errors import InvalidInput
from server.metrics import Metrics
from server.status import DeadlineExceeded, code_of, is_meant_for_the_caller, status_of

REQUEST_ID_KEY = "x-request-id"
STATUS_KEY = "grpc-status-details-bin"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

Behaviour = Callable[[Any, grpc.ServicerContext], Any]


class Observe(grpc.ServerInterceptor):
    """Gives each call a request id, times it, and writes one log line and the metrics when it ends.

    The caller's own id is taken from the metadata `x-request-id` (at most 64 letters, digits and . _ : -), else one is
    made. It goes back in the trailing metadata of every answer and stands in every log line of the call.
    """

    def __init__(self, logger: FilteringBoundLogger, metrics: Metrics) -> None:
        self._logger = logger
        self._metrics = metrics

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler], details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler:
        """Wraps a unary method; streams (reflection, health watch) pass as they are."""
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        _, service, method = details.method.split("/")
        return _with(handler, lambda body, context: self._observed(handler.unary_unary, service, method, body, context))

    def _observed(
        self, behaviour: Behaviour, service: str, method: str, body: bytes, context: grpc.ServicerContext
    ) -> Any:
        labels = ("unary", service, method)
        self._metrics.started.labels(*labels).inc()
        began = time.perf_counter()
        request_id = _request_id(context)
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        with structlog.contextvars.bound_contextvars(request_id=request_id, service=service, method=method):
            try:
                return behaviour(body, context)
            finally:
                seconds = time.perf_counter() - began
                code = _code(context)
                self._metrics.handled.labels(*labels, code).inc()
                self._metrics.seconds.labels(*labels).observe(seconds)
                self._logger.info("call", code=code, milliseconds=round(1000 * seconds, 3), request_bytes=len(body))


class AnswerErrors(grpc.ServerInterceptor):
    """Decodes the request and answers errors with a rich status.

    Decoding happens here and not in gRPC, which would call undecodable bytes an INTERNAL error. The traceback of an
    error that is not meant for the caller goes to the log.
    """

    def __init__(self, logger: FilteringBoundLogger) -> None:
        self._logger = logger

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler], details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler:
        """Wraps a unary method; streams (reflection, health watch) pass as they are."""
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        return _with(handler, lambda body, context: self._answered(handler, body, context))

    def _answered(self, handler: grpc.RpcMethodHandler, body: bytes, context: grpc.ServicerContext) -> Any:
        try:
            return handler.unary_unary(_decoded(handler.request_deserializer, body), context)
        except Exception as error:
            if not is_meant_for_the_caller(error):
                self._logger.exception("internal error")
            request_id = structlog.contextvars.get_contextvars()["request_id"]
            status = status_of(error, request_id)
            context.set_trailing_metadata(((REQUEST_ID_KEY, request_id), (STATUS_KEY, status.SerializeToString())))
            code = code_of(status)
            message = status.message
        context.abort(code, message)
        raise AssertionError("abort returns never")


def refuse_when_late(context: grpc.ServicerContext) -> None:
    """Called before work that is not worth beginning, or must not begin, once the caller has gone.

    Raises:
        DeadlineExceeded: the caller's deadline passed, or the caller cancelled.
    """
    remaining = context.time_remaining()
    if not context.is_active() or (remaining is not None and remaining <= 0):
        raise DeadlineExceeded("the deadline passed before the work was done; nothing was written")


def _with(handler: grpc.RpcMethodHandler, behaviour: Behaviour) -> grpc.RpcMethodHandler:
    """The same method with another behaviour, which takes the request's bytes."""
    return grpc.unary_unary_rpc_method_handler(
        behaviour, request_deserializer=None, response_serializer=handler.response_serializer
    )


def _decoded(deserializer: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return deserializer(body)
    except DecodeError:
        raise InvalidInput.of(
            "request", "its bytes are not the request message of this method (were they made from another contract?)"
        ) from None


def _request_id(context: grpc.ServicerContext) -> str:
    for key, value in context.invocation_metadata():
        if key == REQUEST_ID_KEY and _ACCEPTED_ID.fullmatch(value):
            return str(value)
    return uuid.uuid4().hex


def _code(context: grpc.ServicerContext) -> str:
    if not context.is_active():
        return grpc.StatusCode.CANCELLED.name
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.OK.name
