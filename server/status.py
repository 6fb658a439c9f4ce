"""Errors as google.rpc.Status: what the caller can mend is said in full, what they cannot is a request id."""

from collections.abc import Mapping, Sequence
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
    Violation,
)

DOMAIN = "farview"
RETRY_AFTER = timedelta(seconds=1)

# A status travels in metadata, of which callers take 8 KiB. The text may count four times: in the details as it is, and
# beside them with foreign characters written as %E2%80%93.
_TEXT_BYTES = 900
_VIOLATIONS_BYTES = 3_900
_PROBLEM_BYTES = 1_500


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

_RECORDED: Mapping[str, type[FarviewError]] = {"WorkerDied": Conflict}
"""Kinds that the store writes without raising them."""


def is_meant_for_the_caller(error: BaseException) -> bool:
    """Whether the error's message may leave the server."""
    return type(error) in _CODES


def status_of(error: BaseException, request_id: str) -> status_pb2.Status:
    """The rich status of an error.

    `google.rpc.RequestInfo` always; `ErrorInfo` with a reason in capitals and domain "farview"; `BadRequest` with every
    wrong field, as far as there is room; `ResourceInfo` for what does not exist; `RetryInfo` where the same call may
    succeed soon. An error that is not meant for the caller is INTERNAL and says nothing but the request id.
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
        details.append(error_details_pb2.BadRequest(field_violations=_fitting(error.violations)))
    if isinstance(error, NotFound):
        details.append(error_details_pb2.ResourceInfo(resource_type=error.kind, resource_name=error.name))
    if isinstance(error, Unavailable):
        delay = duration_pb2.Duration()
        delay.FromTimedelta(RETRY_AFTER)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return _status(_CODES[kind].value[0], _cut(str(error), _TEXT_BYTES), *details)


def status_of_recorded(error: str, operation: str) -> status_pb2.Status:
    """The rich status of an error that an operation ended with, "Kind: message", by the same rules.

    The log that has the cause of what is not meant for the caller is the worker's.
    """
    name, _, message = error.partition(": ")
    kind = next((kind for kind in _CODES if kind.__name__ == name), _RECORDED.get(name))
    if kind is None:
        text = f"internal error; its cause is in the log of the worker under {operation}"
        return _status(code_pb2.INTERNAL, text)
    details = error_details_pb2.ErrorInfo(reason=_REASONS[kind], domain=DOMAIN)
    return _status(_CODES[kind].value[0], _cut(message, _TEXT_BYTES), details)


def _fitting(violations: Sequence[Violation]) -> list[error_details_pb2.BadRequest.FieldViolation]:
    """The violations that have room in a status, at least the first."""
    fitting: list[error_details_pb2.BadRequest.FieldViolation] = []
    room = _VIOLATIONS_BYTES
    for violation in violations:
        told = error_details_pb2.BadRequest.FieldViolation(
            field=violation.field, description=_cut(violation.problem, _PROBLEM_BYTES)
        )
        room -= told.ByteSize()
        if fitting and room < 0:
            break
        fitting.append(told)
    return fitting


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of a text that is too long, at a whole character."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[:most_bytes].decode(errors="ignore") + " ..."


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
