"""Requests of google.longrunning.Operations, checked."""

import re
from datetime import timedelta
from typing import Annotated

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from pydantic import BeforeValidator

from farview.core.filters import Filter, compile_filter
from farview.store.queue import FILTER_FIELDS
from server.convert.forecast_requests import PageSize
from server.convert.parse import Parsed, parse

LONGEST_WAIT = timedelta(seconds=30)
_NAME = re.compile(r"operations/([1-9][0-9]{0,17})")


def _operation_id(name: str) -> int:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of an operation (operations/17 is one)")
    return int(match[1])


def _wait(message: Duration | None) -> timedelta:
    if message is None:
        return LONGEST_WAIT
    if message.seconds < 0 or message.nanos < 0:
        raise ValueError("is negative; it must be at least 0")
    return min(timedelta(seconds=min(message.seconds, 86_400), microseconds=message.nanos // 1_000), LONGEST_WAIT)


def _every_operation(name: str) -> str:
    if name not in ("", "operations"):
        raise ValueError(f"{name!r} holds no operations; send operations, or nothing")
    return name


class Named(Parsed):
    """Which operation."""

    name: Annotated[int, BeforeValidator(_operation_id)]


class Wait(Named):
    """For which operation, and how long at most."""

    timeout: Annotated[timedelta, BeforeValidator(_wait)]


class ListOperations(Parsed):
    """One page."""

    name: Annotated[str, BeforeValidator(_every_operation)]
    page_size: PageSize
    page_token: str
    filter: str

    def where(self) -> Filter:
        """Raises InvalidInput."""
        return compile_filter(self.filter, FILTER_FIELDS)


def named(name: str) -> int:
    """The operation's id; InvalidInput names the wrong fields, here and below."""
    return parse(Named, {"name": name}).name


def wait_operation(message: operations_pb2.WaitOperationRequest) -> Wait:
    """The checked request."""
    return parse(Wait, {"name": message.name, "timeout": message.timeout if message.HasField("timeout") else None})


def list_operations(message: operations_pb2.ListOperationsRequest) -> ListOperations:
    """The checked request."""
    fields = {"name": message.name, "page_size": message.page_size, "page_token": message.page_token}
    return parse(ListOperations, {**fields, "filter": message.filter})
