"""A connection to one server: deadlines, retries, and errors that say which field to mend."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from farview.core.errors import Violation

DEFAULT_TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024

_RETRY = {
    "methodConfig": [
        {
            "name": [{}],  # every method: reads change nothing, writes are idempotent by their request_id
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
Answer = TypeVar("Answer")


class CallFailed(Exception):
    """A call that the server refused or could not answer."""

    def __init__(self, code: grpc.StatusCode, message: str, violations: Sequence[Violation], request_id: str) -> None:
        wrong = "; ".join(str(violation) for violation in violations)
        super().__init__(f"{code.name}: {wrong or message}" + (f" (request id {request_id})" if request_id else ""))
        self.code = code
        self.message = message
        self.violations = violations  # wrong fields, by their path in the request; empty unless INVALID_ARGUMENT
        self.request_id = request_id  # names the call in the server's log; empty when no server was reached


class Connection:
    """A channel to one server; its calls raise CallFailed. Safe to share between threads."""

    def __init__(
        self, address: str, timeout_seconds: float, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        options = [
            ("grpc.service_config", json.dumps(_RETRY)),
            ("grpc.enable_retries", 1),
            ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
        ]
        self._timeout_seconds = timeout_seconds
        self.channel = (
            grpc.insecure_channel(address, options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options)
        )

    def call(self, method: Callable[..., Answer], request: Message) -> Answer:
        """The answer of one method.

        Raises:
            CallFailed: the server refused or could not answer.
        """
        try:
            return method(request, timeout=self._timeout_seconds, wait_for_ready=False)
        except grpc.RpcError as error:
            raise _failure(error) from None

    def stream(self, method: Callable[..., Iterator[Answer]], request: Message) -> Iterator[Answer]:
        """The answers of one streaming method as they come; the time limit is that of the whole stream.

        Raises:
            CallFailed: while iterating; the server refused or could not answer.
        """
        try:
            yield from method(request, timeout=self._timeout_seconds, wait_for_ready=False)
        except grpc.RpcError as error:
            raise _failure(error) from None


def _failure(error: grpc.RpcError) -> CallFailed:
    """The rich status of a failed call as an exception."""
    violations: list[Violation] = []
    request_id = ""
    for key, value in error.trailing_metadata() or ():
        if key == "x-request-id":
            request_id = value
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                bad = error_details_pb2.BadRequest()
                if detail.Unpack(bad):
                    violations += [Violation(v.field, v.description) for v in bad.field_violations]
    return CallFailed(error.code(), error.details() or "", violations, request_id)
