"""Requests of ModelService, checked."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from farview.v1 import model_pb2 as pb
from server.convert.fields import OptionalId, RequestId, storable
from server.convert.forecast_requests import PageSize
from server.convert.parse import Parsed, parse

MAX_REASON_LENGTH = 1_000
_NAME = re.compile(r"([a-z][a-z0-9-]{0,62})/([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class VersionName:
    """The name of a model version, "ltv-revenue/3"."""

    kind: str
    version: int

    def __str__(self) -> str:
        return f"{self.kind}/{self.version}"


def version_name(text: str) -> VersionName:
    """The parts of a version's name.

    Raises:
        ValueError: it is not of the form KIND/NUMBER.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not the name of a model version (ltv-revenue/3 is one)")
    return VersionName(match[1], int(match[2]))


Version = Annotated[VersionName, BeforeValidator(version_name)]


class ListModelVersions(Parsed):
    """One page; `kind` "": all kinds."""

    page_size: PageSize
    page_token: str
    kind: OptionalId


class GetModelVersion(Parsed):
    """Which version."""

    model_version: Version


Reason = Annotated[str, StringConstraints(min_length=1, max_length=MAX_REASON_LENGTH), AfterValidator(storable)]


class PromoteModelVersion(Parsed):
    """Which version becomes champion in whose place."""

    request_id: RequestId
    model_version: Version
    expected_champion: Version
    reason: Reason
    force: bool


class RollbackModel(Parsed):
    """Which champion is taken back."""

    request_id: RequestId
    expected_champion: Version
    reason: Reason


def list_model_versions(message: pb.ListModelVersionsRequest) -> ListModelVersions:
    """The checked request; InvalidInput names the wrong fields, here and below."""
    fields = {"page_size": message.page_size, "page_token": message.page_token, "kind": message.kind}
    return parse(ListModelVersions, fields)


def get_model_version(message: pb.GetModelVersionRequest) -> GetModelVersion:
    """The checked request."""
    return parse(GetModelVersion, {"model_version": message.model_version})


def promote_model_version(message: pb.PromoteModelVersionRequest) -> PromoteModelVersion:
    """The checked request."""
    return parse(
        PromoteModelVersion,
        {
            "request_id": message.request_id,
            "model_version": message.model_version,
            "expected_champion": message.expected_champion,
            "reason": message.reason,
            "force": message.force,
        },
    )


def rollback_model(message: pb.RollbackModelRequest) -> RollbackModel:
    """The checked request."""
    return parse(
        RollbackModel,
        {
            "request_id": message.request_id,
            "expected_champion": message.expected_champion,
            "reason": message.reason,
        },
    )
