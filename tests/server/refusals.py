"""Reading a refused call in tests."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2


def refused(call: Callable[[], Any]) -> grpc.RpcError:
    """The error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def details(error: grpc.RpcError) -> dict[str, Message]:
    """The rich details of an error, by type name."""
    found: dict[str, Message] = {}
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                kind = getattr(error_details_pb2, detail.TypeName().rsplit(".", 1)[1])
                found[kind.__name__] = kind.FromString(detail.value)
    return found


def fields(error: grpc.RpcError) -> list[str]:
    """The wrong fields that an error names."""
    bad = details(error)["BadRequest"]
    assert isinstance(bad, error_details_pb2.BadRequest)
    return [violation.field for violation in bad.field_violations]
