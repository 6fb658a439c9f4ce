"""Rules, diversity and exploration of RankItems, checked, and as the kernel takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, StringConstraints, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.evaluation.arrays import FloatArray, IntArray
from farview.v1 import items_pb2 as pb
from ranking.diversity import (
    AspectCoverage,
    ByScore,
    CalibratedCategories,
    DeterminantalPointProcess,
    Gain,
    MaximalMarginalRelevance,
    unit_rows,
)
from ranking.exploration import Exploration
from ranking.item_rules import NO_CATEGORY, ItemRules
from server.convert.fields import MAX_ID_LENGTH, counted
from server.convert.item_columns import ItemColumns
from server.convert.parse import Parsed

MAX_PLACES = 1_000
MAX_FEATURES = 256
Place = Annotated[int, Field(ge=1, le=MAX_PLACES)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
_BY_SHARES = ("calibrated_categories", "aspect_coverage")
_METHODS = "send maximal_marginal_relevance, determinantal_point_process, calibrated_categories or aspect_coverage"


class Pin(Parsed):
    """An item whose place is decided."""

    item_id: Text
    place: Place

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemPin) -> dict[str, Any]:
        return {"item_id": message.item_id, "place": message.place}


class Rules(Parsed):
    """What always holds."""

    pins: Annotated[tuple[Pin, ...], counted(0, 100)]
    blocked_item_ids: Annotated[tuple[str, ...], counted(0, 10_000)]
    blocked_brands: Annotated[tuple[str, ...], counted(0, 1_000)]
    hide_out_of_stock: bool
    hide_owned: bool
    max_per_category: Place | None
    new_item_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemRules) -> dict[str, Any]:
        return {
            "pins": tuple(message.pins),
            "blocked_item_ids": tuple(message.blocked_item_ids),
            "blocked_brands": tuple(message.blocked_brands),
            "hide_out_of_stock": message.hide_out_of_stock,
            "hide_owned": message.hide_owned,
            "max_per_category": message.max_per_category if message.HasField("max_per_category") else None,
            "new_item_share": message.new_item_share,
        }

    @model_validator(mode="after")
    def _named_once(self) -> "Rules":
        for field in ("item_id", "place"):
            values = [getattr(pin, field) for pin in self.pins]
            if len(set(values)) < len(values):
                raise ValueError(f"pin one {field} twice; name it once")
        return self


class Share(Parsed):
    """How much of the list a category should have."""

    category: Text
    share: Annotated[float, Field(gt=0, le=1e18, allow_inf_nan=False)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.CategoryShare) -> dict[str, Any]:
        return {"category": message.category, "share": message.share}


class Diversity(Parsed):
    """What alike items cost one another."""

    relevance_weight: Annotated[float, Field(ge=0, le=0.99, allow_inf_nan=False)]
    method: Literal[
        "maximal_marginal_relevance", "determinantal_point_process", "calibrated_categories", "aspect_coverage"
    ]
    shares: Annotated[tuple[Share, ...], counted(0, 1_000)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemDiversity) -> dict[str, Any]:
        method = message.WhichOneof("method")
        if method is None:
            raise ValueError(f"has no method; {_METHODS}")
        shares = tuple(getattr(message, method).shares) if method in _BY_SHARES else ()
        if method in _BY_SHARES and not shares:
            raise ValueError(f"has no {method}.shares; at least 1 is needed")
        weight = message.relevance_weight if message.HasField("relevance_weight") else 0.5
        return {"relevance_weight": weight, "method": method, "shares": shares}

    @model_validator(mode="after")
    def _categories_once(self) -> "Diversity":
        if len({share.category for share in self.shares}) < len(self.shares):
            raise ValueError(f"names a category twice in {self.method}.shares; name it once")
        return self


class Explore(Parsed):
    """How places are drawn."""

    epsilon: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    max_relevance_loss: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    uncertainty_name: str

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ItemExploration) -> dict[str, Any]:
        loss = message.max_relevance_loss if message.HasField("max_relevance_loss") else 1.0
        return {
            "epsilon": message.epsilon,
            "max_relevance_loss": loss,
            "uncertainty_name": message.uncertainty_name,
        }


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is asked beyond the score. Methods take `order`, the items' positions by score, best first."""

    capacity: int
    rules: Rules | None
    diversity: Diversity | None
    exploration: Explore | None
    columns: ItemColumns

    @property
    def explained(self) -> bool:
        """Whether the answer tells how places came about."""
        return not (self.rules is None and self.diversity is None and self.exploration is None)

    def item_rules(self, order: IntArray) -> ItemRules:
        """The rules.

        Raises:
            InvalidInput: a pinned item is no candidate.
        """
        messages = [self.columns.messages[i] for i in order.tolist()]
        asked, nothing = self.rules, np.zeros(len(messages), dtype=np.bool_)
        if asked is None:
            return ItemRules(nothing, np.full(len(messages), NO_CATEGORY), nothing)
        blocked, brands = set(asked.blocked_item_ids), set(asked.blocked_brands)
        hidden = [
            item.item_id in blocked
            or (item.brand in brands and item.brand != "")
            or (asked.hide_out_of_stock and item.HasField("stock") and item.stock <= 0)
            or (asked.hide_owned and item.owned)
            for item in messages
        ]
        categories = {name: i for i, name in enumerate(sorted({item.category for item in messages} - {""}))}
        return ItemRules(
            hidden=np.array(hidden, dtype=np.bool_),
            category=_codes(messages, categories, NO_CATEGORY),
            is_new=np.array([item.is_new for item in messages], dtype=np.bool_),
            pins=_pins(asked.pins, messages),
            max_per_category=asked.max_per_category,
            new_share=asked.new_item_share,
        )

    def gain(self, order: IntArray, relevance: FloatArray) -> Gain:
        """What re-ranks.

        Raises:
            InvalidInput: items without the features that are needed.
        """
        asked = self.diversity
        if asked is None:
            return ByScore(relevance)
        messages = [self.columns.messages[i] for i in order.tolist()]
        weight = asked.relevance_weight
        if asked.method in _BY_SHARES:
            # One category more, of which nothing is wanted, for all items of none that is named.
            target = np.array([*(share.share for share in asked.shares), 0.0])
            places = {share.category: i for i, share in enumerate(asked.shares)}
            category = _codes(messages, places, len(asked.shares))
            by_shares = CalibratedCategories if asked.method == "calibrated_categories" else AspectCoverage
            return by_shares(relevance, category, target / target.sum(), weight)
        features = _features(self.columns.messages)[order]
        if asked.method == "maximal_marginal_relevance":
            return MaximalMarginalRelevance(relevance, features, weight)
        return DeterminantalPointProcess(relevance, features, weight)

    def explore(self, order: IntArray) -> Exploration | None:
        """How places are drawn.

        Raises:
            InvalidInput: the uncertainty is no value of the items, or below 0 for one.
        """
        asked = self.exploration
        if asked is None:
            return None
        if not asked.uncertainty_name:
            return Exploration(asked.epsilon, asked.max_relevance_loss)
        if asked.uncertainty_name not in self.columns.values:
            raise InvalidInput.of("exploration.uncertainty_name", f"is {asked.uncertainty_name!r}; it is no value name")
        spread = self.columns.of(asked.uncertainty_name, "exploration")
        if (spread < 0).any():
            raise InvalidInput.of("exploration.uncertainty_name", "names a value that is below 0 for some item")
        return Exploration(asked.epsilon, asked.max_relevance_loss, spread[order])


def _codes(messages: Sequence[pb.CandidateItem], places: Mapping[str, int], other: int) -> IntArray:
    return np.array([places.get(item.category, other) for item in messages], dtype=np.int64)


def _pins(pins: Sequence[Pin], messages: Sequence[pb.CandidateItem]) -> dict[int, int]:
    row = {item.item_id: i for i, item in enumerate(messages)}
    wrong = [(k, pin.item_id) for k, pin in enumerate(pins) if pin.item_id not in row]
    if wrong:
        raise InvalidInput(*(Violation(f"rules.pins[{k}].item_id", f"is {name!r}, no candidate") for k, name in wrong))
    return {pin.place - 1: row[pin.item_id] for pin in pins}


def _features(messages: Sequence[pb.CandidateItem]) -> FloatArray:
    rows = [item.features[:] for item in messages]
    length = len(rows[0])
    for i, row in enumerate(rows):
        if not 1 <= len(row) <= MAX_FEATURES or len(row) != length:
            raise InvalidInput.of(
                f"items[{i}].features",
                f"has {len(row)} elements; diversity needs 1 to {MAX_FEATURES}, as many for every item",
            )
    return unit_rows(rows)
