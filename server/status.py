"""Errors as google.rpc.Status: what the caller can mend is said in full, what they cannot is a request id."""

from collections.abc import Mapping
from datetime import timedelta

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from farview.core.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    FarviewError,
    Infeasible,
    InvalidInput,
    NotFound,
    Unavailable,
)

DOMAIN = "farview"
RETRY_AFTER = timedelta(seconds=1)


class DeadlineExceeded(FarviewError):
    """The caller's deadline passed; whatever was left to do is not done."""


_CODES: Mapping[type[FarviewError], grpc.StatusCode] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Conflict: grpc.StatusCode.ABORTED,
    Infeasible: grpc.StatusCode.FAILED_PRECONDITION,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}
_REASONS: Mapping[type[FarviewError], str] = {
    InvalidInput: "INVALID_INPUT",
    NotFound: "NOT_FOUND",
    AlreadyExists: "REQUEST_ID_REUSED",
    Conflict: "STATE_CHANGED",
    Infeasible: "INFEASIBLE",
    FailedPrecondition: "NOT_READY",
    DeadlineExceeded: "DEADLINE_EXCEEDED",
    Unavailable: "UNAVAILABLE",
}


def is_meant_for_the_caller(error: BaseException) -> bool:
    """Whether the error's message may leave the server."""
    return type(error) in _CODES


def status_of(error: BaseException, request_id: str) -> status_pb2.Status:
    """The rich status of an error.

    `google.rpc.RequestInfo` always; `ErrorInfo` with a reason in capitals and domain "farview"; `BadRequest` with every
    wrong field; `ResourceInfo` for what does not exist; `RetryInfo` where the same call may succeed soon. An error that
    is not meant for the caller is INTERNAL and says nothing but the request id.
    """
    if not is_meant_for_the_caller(error):
        text = f"internal error; its cause is in the server's log under request id {request_id}"
        return _status(code_pb2.INTERNAL, text, error_details_pb2.RequestInfo(request_id=request_id))
    kind = type(error)
    assert issubclass(kind, FarviewError)
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=_REASONS[kind], domain=DOMAIN),
        error_details_pb2.RequestInfo(request_id=request_id),
    ]
    if isinstance(error, InvalidInput):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.problem)
            for violation in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if isinstance(error, NotFound):
        details.append(error_details_pb2.ResourceInfo(resource_type=error.kind, resource_name=error.name))
    if isinstance(error, Unavailable):
        delay = duration_pb2.Duration()
        delay.FromTimedelta(RETRY_AFTER)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return _status(_CODES[kind].value[0], str(error), *details)


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    """The gRPC code of a rich status."""
    return next(code for code in grpc.StatusCode if code.value[0] == status.code)


def _status(code: int, text: str, *details: Message) -> status_pb2.Status:
    packed = []
    for detail in details:
        item = any_pb2.Any()
        item.Pack(detail)
        packed.append(item)
    return status_pb2.Status(code=code, message=text, details=packed)
