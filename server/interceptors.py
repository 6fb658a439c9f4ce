"""What happens around every call: request id, log line, metrics, deadline, decoding, errors."""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        """Wraps methods that answer one message, and ours that stream; those of others (health watch) pass."""
        handler = continuation(details)
        if not _is_wrapped(handler, details):
            return handler
        _, service, method = details.method.split("/")

        def observed(body: bytes, context: grpc.ServicerContext) -> Any:
            with self._call(("unary", service, method), body, context):
                return handler.unary_unary(body, context)

        def observed_stream(body: bytes, context: grpc.ServicerContext) -> Iterator[Any]:
            with self._call(("server_stream", service, method), body, context):
                yield from handler.unary_stream(body, context)

        return _with(handler, observed, observed_stream)

    @contextmanager
    def _call(self, labels: tuple[str, str, str], body: bytes, context: grpc.ServicerContext) -> Iterator[None]:
        _, service, method = labels
        self._metrics.started.labels(*labels).inc()
        began = time.perf_counter()
        request_id = _request_id(context)
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        with structlog.contextvars.bound_contextvars(request_id=request_id, service=service, method=method):
            try:
                yield
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
        """Wraps methods that answer one message, and ours that stream; those of others (health watch) pass."""
        handler = continuation(details)
        if not _is_wrapped(handler, details):
            return handler

        def answered(body: bytes, context: grpc.ServicerContext) -> Any:
            try:
                return handler.unary_unary(_decoded(handler.request_deserializer, body), context)
            except Exception as error:
                code, message = self._told(error, context)
            context.abort(code, message)
            raise AssertionError("abort returns never")

        def answered_stream(body: bytes, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from handler.unary_stream(_decoded(handler.request_deserializer, body), context)
                return
            except Exception as error:
                code, message = self._told(error, context)
            context.abort(code, message)

        return _with(handler, answered, answered_stream)

    def _told(self, error: Exception, context: grpc.ServicerContext) -> tuple[grpc.StatusCode, str]:
        """Logs what is not meant for the caller, and puts the rich status into the trailing metadata."""
        if not is_meant_for_the_caller(error):
            self._logger.exception("internal error")
        request_id = current_request_id()
        status = status_of(error, request_id)
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id), (STATUS_KEY, status.SerializeToString())))
        return code_of(status), status.message


def current_request_id() -> str:
    """The id of the call that this thread is answering."""
    return str(structlog.contextvars.get_contextvars()["request_id"])


def refuse_when_late(context: grpc.ServicerContext) -> None:
    """Called before work that is not worth beginning, or must not begin, once the caller has gone.

    Raises:
        DeadlineExceeded: the caller's deadline passed, or the caller cancelled.
    """
    remaining = context.time_remaining()
    if not context.is_active() or (remaining is not None and remaining <= 0):
        raise DeadlineExceeded("the deadline passed before the work was done; nothing was written")


def _is_wrapped(handler: grpc.RpcMethodHandler | None, details: grpc.HandlerCallDetails) -> bool:
    if handler is None:
        return False
    ours = details.method.startswith("/farview.")
    return handler.unary_unary is not None or (ours and handler.unary_stream is not None)


def _with(handler: grpc.RpcMethodHandler, behaviour: Behaviour, stream: Behaviour) -> grpc.RpcMethodHandler:
    """The same method with another behaviour, by its kind, which takes the request's bytes."""
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(
            stream, request_deserializer=None, response_serializer=handler.response_serializer
        )
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
