"""Retrieval of candidates by RankItems: what is asked, checked, and the request with what was found."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.v1 import items_pb2 as pb
from server.convert.fields import OptionalId
from server.convert.parse import Parsed, parse

MAX_RETRIEVED = 1_000
DEFAULT_RETRIEVED = 200
MODEL_NAME = r"next-item(/[1-9][0-9]{0,17})?"
NEXT_ITEM, NOVELTY = "next_item", "novelty"  # values of retrieved items


def _model_name(name: str) -> str:
    if not re.fullmatch(MODEL_NAME, name):
        raise ValueError(f"is {name!r}; send 'next-item' for the champion, or a version such as 'next-item/3'")
    return name


class Retrieval(Parsed):
    """Which model finds how many items for whom."""

    name: Annotated[str, AfterValidator(_model_name)]
    customer_id: OptionalId
    item_count: Annotated[int, Field(ge=0, le=MAX_RETRIEVED), AfterValidator(lambda n: n or DEFAULT_RETRIEVED)]
    include_taken: bool

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemRetrieval) -> dict[str, Any]:
        return {
            "name": message.name,
            "customer_id": message.customer_id,
            "item_count": message.item_count,
            "include_taken": message.include_taken,
        }


class _Asked(Parsed):
    """The part of a request that retrieval reads, under the names of the request."""

    retrieval: Retrieval


@dataclass(frozen=True, slots=True, eq=False)
class Retrieved:
    """Items, best first, with what the catalogue tells of them."""

    model_version: str  # "next-item/3"
    ids: tuple[str, ...]
    takers: FloatArray  # (items,) customers who took the item
    facts: pa.Table  # price, category, brand, stock, row by row; null where the catalogue does not know
    taken: frozenset[str]  # by the customer


def retrieval(message: pb.RankItemsRequest) -> Retrieval:
    """What is asked of the catalogue.

    Raises:
        InvalidInput: it is wrong, or stands beside candidates of the request's own.
    """
    for field in ("items", "value_names"):
        if len(getattr(message, field)):
            raise InvalidInput.of(field, "is set beside retrieval, which finds the items (send one of the two)")
    return parse(_Asked, {"retrieval": message.retrieval}).retrieval


def retrieved_count(message: pb.RankItemsRequest) -> int:
    """The most items that a request retrieves, unchecked; 0 where it names its own."""
    return (message.retrieval.item_count or DEFAULT_RETRIEVED) if message.HasField("retrieval") else 0


def completed(message: pb.RankItemsRequest, found: Retrieved) -> pb.RankItemsRequest:
    """The request with the items that were found as its own."""
    request = pb.RankItemsRequest()
    request.CopyFrom(message)
    request.value_names.extend([NEXT_ITEM, NOVELTY])
    values = np.stack([np.arange(len(found.ids), 0, -1), -found.takers], axis=1).tolist()
    for item_id, told, facts in zip(found.ids, values, found.facts.to_pylist(), strict=True):
        known = {name: value for name, value in facts.items() if value is not None}
        request.items.add(item_id=item_id, values=told, owned=item_id in found.taken, **known)
    return request
