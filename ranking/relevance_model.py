"""A learned ranker as it is registered and served: its trees, its operating point, and what it remembers of the log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb

from farview.core.tensor_artifact import TensorFormat
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import Queries
from farview.features.item_features import Records
from farview.features.item_log import Codes
from ranking.boosting import Boosted, Features
from ranking.purchase_chance import Logistic, PurchaseChance
from ranking.query_table import QueryTable
from ranking.rankers import BoostedRanker, FeatureRanker, PooledRanker, Ranker

FORMAT = TensorFormat("farview.ranking", version=1, what="a ranking model")
_PURCHASE = "purchase"
_RECORDS = ("everything", "item", "category", "brand")


@dataclass(frozen=True, slots=True, eq=False)
class LogMemory:
    """What is kept of the log that a model learnt from, to describe items of lists to come."""

    codes: Codes
    records: Records


@dataclass(frozen=True, slots=True, eq=False)
class RelevanceModel:
    """Relevance, purchase probability, and how much relevance should weigh against price."""

    name: str  # of what orders: "pool", "lambdamart", ...
    ranker: Ranker
    purchase: PurchaseChance | None  # None: too few lists with a purchase
    relevance_weight: float  # of the rank product of relevance and price, in [0, 1]: the operating point
    memory: LogMemory

    def relevance(self, features: Features) -> FloatArray:
        """Of the items of one list, shape (items,); only the order means something."""
        items = len(features)
        grades: IntArray = np.zeros(items, dtype=np.int64)
        return self.ranker.scores(QueryTable(features, grades, Queries.of_sizes(np.array([items]))))

    def parameters(self) -> dict[str, FloatArray]:
        """Thresholds and leaf values of every fit's trees, and the sums of the log."""
        found = {name: getattr(self.memory.records, name) for name in _RECORDS}
        for name, trees in self._boosted().items():
            for i, booster in enumerate(trees.boosters):
                grown = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
                values = [value for tree in grown for value in tree["split_conditions"]]
                found[f"trees/{name}/{i}"] = np.array(values, dtype=np.float64)
        return found

    def _boosted(self) -> dict[str, Boosted]:
        boosted = _boosted_of(self.name, self.ranker)
        return boosted if self.purchase is None else {**boosted, _PURCHASE: self.purchase.boosted}

    def to_artifact(self) -> bytes:
        """safetensors: trees as UBJSON, sums of the log, the rest as JSON in the header. Equal models, equal bytes."""
        boosted = self._boosted()
        tensors = {
            f"trees/{name}/{i}": np.frombuffer(bytes(booster.save_raw("ubj")), dtype=np.uint8)
            for name, trees in boosted.items()
            for i, booster in enumerate(trees.boosters)
        }
        tensors |= {f"records/{name}": getattr(self.memory.records, name) for name in _RECORDS}
        logistic = None if self.purchase is None else self.purchase.logistic
        about = {
            "name": self.name,
            "ranker": _told(self.ranker),
            "members": {name: len(trees.boosters) for name, trees in boosted.items()},
            "logistic": None if logistic is None else [logistic.slope, logistic.shift],
            "relevance_weight": self.relevance_weight,
            "items": self.memory.codes.items,
            "categories": self.memory.codes.categories,
            "brands": self.memory.codes.brands,
        }
        return FORMAT.pack(tensors, about)

    @classmethod
    def from_artifact(cls, artifact: bytes) -> "RelevanceModel":
        """The model of an artifact.

        Raises:
            ArtifactMismatch: the bytes are damaged, foreign, or of another format version.
        """
        tensors, about = FORMAT.unpack(artifact)
        try:
            return _model(about, tensors)
        except (KeyError, TypeError, ValueError, xgb.core.XGBoostError):
            raise FORMAT.foreign() from None


def _model(about: Mapping[str, Any], tensors: Mapping[str, Any]) -> RelevanceModel:
    boosted = {
        name: Boosted(tuple(_booster(tensors[f"trees/{name}/{i}"].tobytes()) for i in range(members)))
        for name, members in about["members"].items()
    }
    codes = Codes(tuple(about["items"]), tuple(about["categories"]), tuple(about["brands"]))
    purchase = None if about["logistic"] is None else PurchaseChance(boosted[_PURCHASE], Logistic(*about["logistic"]))
    return RelevanceModel(
        name=about["name"],
        ranker=_ranker(about["ranker"], boosted),
        purchase=purchase,
        relevance_weight=float(about["relevance_weight"]),
        memory=LogMemory(codes, Records(*(tensors[f"records/{name}"] for name in _RECORDS))),
    )


def _boosted_of(name: str, ranker: Ranker) -> dict[str, Boosted]:
    if isinstance(ranker, BoostedRanker):
        return {name: ranker.boosted}
    if isinstance(ranker, PooledRanker):
        members = [member for member in ranker.members if isinstance(member, BoostedRanker)]
        return {f"{name}{i}": member.boosted for i, member in enumerate(members)}
    return {}


def _told(ranker: Ranker) -> dict[str, Any]:
    if isinstance(ranker, FeatureRanker):
        return {"feature": ranker.feature, "descending": ranker.descending}
    return {"pooled": isinstance(ranker, PooledRanker)}


def _ranker(told: Mapping[str, Any], boosted: Mapping[str, Boosted]) -> Ranker:
    if "feature" in told:
        return FeatureRanker(told["feature"], told["descending"])
    members = tuple(BoostedRanker(trees) for name, trees in boosted.items() if name != _PURCHASE)
    return PooledRanker(members) if told["pooled"] else members[0]


def _booster(raw: bytes) -> xgb.Booster:
    booster = xgb.Booster(params={"nthread": 1})
    booster.load_model(bytearray(raw))
    return booster
