"""Requests of RankItems, checked."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Self

from numpy.typing import NDArray
from pydantic import AfterValidator, StringConstraints, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.v1 import items_pb2 as pb
from ranking.expected_revenue import downstream_value
from ranking.items import Blend
from ranking.rank_product import Objective
from ranking.scores import FloatArray
from server.convert.fields import Distinct, Id, OptionalId, Seed, counted, distinct
from server.convert.item_arrangement import Arrangement, Diversity, Explore, Place, Rules
from server.convert.item_blends import OBJECTIVES, ItemBlend
from server.convert.item_columns import (
    DOWNSTREAM,
    PRICE,
    PROBABILITY,
    RELEVANCE,
    ItemColumns,
    Learned,
    item_columns,
)
from server.convert.item_retrieval import NEXT_ITEM, retrieved_count
from server.convert.parse import Parsed, parse

MAX_ITEMS = 1_000
MAX_BATCH = 1_000
MAX_BATCH_ITEMS = 100_000
MAX_VALUES = 16
RANKER_NAME = r"ranking(/[1-9][0-9]{0,17})?"
_NAME = re.compile(r"[a-z0-9_]+")


def _ranker_name(name: str) -> str:
    if not re.fullmatch(RANKER_NAME, name):
        raise ValueError(f"is {name!r}; send 'ranking' for the champion, or a version such as 'ranking/3'")
    return name


class RelevanceModel(Parsed):
    """A learned ranker, and whose past counts."""

    name: Annotated[str, AfterValidator(_ranker_name)]
    customer_id: OptionalId

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.RelevanceModel) -> dict[str, Any]:
        return {"name": message.name, "customer_id": message.customer_id}


def _value_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"is {name!r}; only lower-case letters, digits and underscores are allowed")
    if name in (PRICE, PROBABILITY):
        raise ValueError(f"is {name!r}, which is a field of every item (send it there)")
    return name


ValueName = Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(_value_name)]


class RankItems(Parsed):
    """A ranking to make, its items unread; without a seed, one has to be drawn."""

    items: Annotated[Any, counted(1, MAX_ITEMS)]
    value_names: Annotated[tuple[ValueName, ...], counted(0, MAX_VALUES), Distinct]
    blend: ItemBlend | None
    seed: Seed | None
    include_explanation: bool
    capacity: Place | None
    rules: Rules | None
    diversity: Diversity | None
    exploration: Explore | None
    relevance_model: RelevanceModel | None
    retrieved: bool

    @model_validator(mode="after")
    def _scored_by_something(self) -> Self:
        if self.blend is None and self.relevance_model is None and not self.retrieved:
            raise InvalidInput.of("blend", "is not set; send it, or name a relevance_model")
        for name in (RELEVANCE, DOWNSTREAM):
            if self.relevance_model is not None and name in self.value_names:
                raise InvalidInput.of("value_names", f"names {name!r}, which relevance_model tells too")
        return self


Ask = Callable[[str, str, Sequence[str]], Learned]
"""What the ranker of a name tells of items for a customer, "" for nobody known."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the kernel needs."""

    ids: NDArray[Any]  # (items,) strings
    blend: Blend
    seed: int | None
    explain: bool
    arrangement: Arrangement | None  # None: all items, by score alone
    model_version: str = ""  # of the ranker that told the relevance


def rank_items(message: pb.RankItemsRequest, ask: Ask) -> Ranking:
    """The checked request; InvalidInput names the wrong fields.

    What two items or all objectives have to agree on is left to the kernel; see `request_paths`. Whatever `ask` raises
    is raised. Of a request with `retrieval` the items are those that were found; see item_retrieval.completed.
    """
    asked = parse(
        RankItems,
        {
            "items": message.items,
            "value_names": tuple(message.value_names),
            "blend": message.blend if message.HasField("blend") else None,
            "seed": message.seed if message.HasField("seed") else None,
            "include_explanation": message.include_explanation,
            "capacity": message.capacity if message.HasField("capacity") else None,
            "rules": message.rules if message.HasField("rules") else None,
            "diversity": message.diversity if message.HasField("diversity") else None,
            "exploration": message.exploration if message.HasField("exploration") else None,
            "relevance_model": message.relevance_model if message.HasField("relevance_model") else None,
            "retrieved": message.HasField("retrieval"),
        },
    )
    columns, told = item_columns(message, asked.value_names), None
    if asked.relevance_model is not None:
        told = ask(asked.relevance_model.name, asked.relevance_model.customer_id, columns.ids.tolist())
        columns = columns.completed_by(_named(told))
        if asked.blend is not None and DOWNSTREAM in asked.blend.names:
            columns = columns.completed_by({DOWNSTREAM: _downstream(columns, told)})
    arrangement = None
    beyond = (asked.capacity, asked.rules, asked.diversity, asked.exploration)
    if any(each is not None for each in beyond):
        most = asked.capacity or len(columns.ids)
        arrangement = Arrangement(most, asked.rules, asked.diversity, asked.exploration, columns)
    blend = _default_blend(columns, told) if asked.blend is None else asked.blend.of(columns)
    version = "" if told is None else told.model_version
    return Ranking(columns.ids, blend, asked.seed, asked.include_explanation, arrangement, version)


def _named(told: Learned) -> dict[str, FloatArray]:
    probability = {} if told.probability is None else {PROBABILITY: told.probability}
    return {RELEVANCE: told.relevance, PRICE: told.price, **probability}


def _downstream(columns: ItemColumns, told: Learned) -> FloatArray:
    probability, price = (columns.of(name, DOWNSTREAM) for name in (PROBABILITY, PRICE))
    return downstream_value(probability, price, told.going_on())


def _default_blend(columns: ItemColumns, told: Learned | None) -> list[Objective]:
    """Relevance and price, weighed as the model was found to trade them best; without one the order of retrieval."""
    if told is None:
        return [Objective(NEXT_ITEM, columns.of(NEXT_ITEM, "the blend"))]
    relevance = Objective(RELEVANCE, columns.of(RELEVANCE, "the blend"), told.relevance_weight)
    if told.relevance_weight == 1:
        return [relevance]
    return [relevance, Objective(PRICE, columns.of(PRICE, "the model's operating point"), 1 - told.relevance_weight)]


class Keyed(Parsed):
    """One ranking of a batch, unread."""

    key: Id
    request: Any

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.KeyedRankItemsRequest) -> dict[str, Any]:
        return {"key": message.key, "request": message.request}


def _together(requests: tuple[Keyed, ...]) -> tuple[Keyed, ...]:
    distinct([keyed.key for keyed in requests])
    items = sum(len(keyed.request.items) + retrieved_count(keyed.request) for keyed in requests)
    if items > MAX_BATCH_ITEMS:
        raise ValueError(f"hold {items:,} items together; at most {MAX_BATCH_ITEMS:,} (split the call)")
    return requests


class Batch(Parsed):
    """Rankings by key."""

    requests: Annotated[tuple[Keyed, ...], counted(1, MAX_BATCH), AfterValidator(_together)]


def batch(message: pb.BatchRankItemsRequest) -> tuple[Keyed, ...]:
    """The checked keys with their requests, which are checked one by one later."""
    return parse(Batch, {"requests": tuple(message.requests)}).requests


@contextmanager
def request_paths() -> Iterator[None]:
    """Names wrong fields as the request does: the kernel's "items[2].id" is "items[2].item_id"."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(*(Violation(_request_path(v.field), v.problem) for v in error.violations)) from None


def _request_path(kernel_path: str) -> str:
    path = re.sub(r"^objectives\b", OBJECTIVES, kernel_path)
    path = re.sub(r"\.id$", ".item_id", path)
    return re.sub(r"\.probability$", f".{PROBABILITY}", path)
