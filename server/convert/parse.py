"""From pydantic's errors to ours: the same facts, with the caller's path and the mend."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from farview.core.errors import InvalidInput, Violation

MAX_VIOLATIONS = 50  # of one answer, so that 1,000 wrong rows do not make a megabyte of status


class Parsed(BaseModel):
    """Base of checked requests: immutable, and a misspelt field is our own error, not the caller's."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


Request = TypeVar("Request", bound=Parsed)


def parse(kind: type[Request], fields: Mapping[str, Any], context: object = None) -> Request:
    """The checked request.

    Args:
        kind: what to make.
        fields: its fields, as plain values or protobuf messages.
        context: what some rules need to know, read by validators as `info.context`.

    Raises:
        InvalidInput: with every wrong field (at most 50), by its path as the caller wrote it: "floors[1].share".
    """
    try:
        return kind.model_validate(fields, context=context)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise InvalidInput(*(Violation(path_of(e["loc"]), _problem(e)) for e in found[:MAX_VIOLATIONS])) from None


def path_of(location: tuple[int | str, ...]) -> str:
    """("floors", 1, "share") as "floors[1].share"."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _problem(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] not in _WORDS:
        return error["msg"]
    given = error["input"]
    size = len(given) if hasattr(given, "__len__") else 0
    return _WORDS[error["type"]].format(given=given, size=size, **error.get("ctx", {}))


_WORDS = {
    "string_too_short": "is empty; it must be set",
    "string_too_long": "has {size:,} characters; at most {max_length:,}",
    "greater_than": "is {given}; it must be greater than {gt:,}",
    "greater_than_equal": "is {given}; it must be at least {ge:,}",
    "less_than_equal": "is {given}; it must be at most {le:,}",
    "finite_number": "is {given}; it must be a finite number",
}
"""pydantic's error types in the words of Farview; what is missing here keeps pydantic's."""
