"""The rankers that are served: the champion, loaded before anybody names it, and other versions when they are named."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from structlog.typing import FilteringBoundLogger

from farview.core import columns as c
from farview.core.clock import zone
from farview.features.item_features import Float32Array, item_features, past_of_list
from farview.features.item_log import Facts, item_log
from farview.store.store import Store
from farview.store.values import RANKING
from server.convert.item_columns import Learned
from server.journeys import ServedJourneys
from server.named_models import NamedModels

if TYPE_CHECKING:
    from ranking.relevance_model import LogMemory, RelevanceModel

MOST_OWN_ROWS = 2_000
"""Rows of a customer's lists that are read, the newest."""

_EPOCH = date(1970, 1, 1)


def _read(artifact: bytes) -> "RelevanceModel":
    from ranking.relevance_model import RelevanceModel  # xgboost: not before a ranker is served

    return RelevanceModel.from_artifact(artifact)


class ServedRankers:
    """Rankers by name: "ranking" is the champion, "ranking/3" a version."""

    def __init__(self, store: Store, journeys: ServedJourneys, logger: FilteringBoundLogger) -> None:
        self._store = store
        self._journeys = journeys
        self._zone_name = store.business().time_zone
        self._models = NamedModels(store, RANKING, _read, logger)

    def refresh(self) -> bool:
        """Loads the champion if it is another than the one served. True when it swapped."""
        return self._models.refresh()

    def learned(self, name: str, customer_id: str, item_ids: Sequence[str]) -> Learned:
        """What the ranker of that name tells of items, for a customer or, by "", for somebody unknown.

        Raises:
            FailedPrecondition: no ranker is registered yet.
            NotFound: no such version.
        """
        loaded = self._models.named(name)
        now = datetime.now(UTC)
        own = self._store.impressions_of(customer_id, now, MOST_OWN_ROWS)
        catalogue = self._store.items([*item_ids, *own[c.ITEM_ID].unique().to_pylist()])
        facts = loaded.model.memory.codes.facts(catalogue, pa.array(item_ids, pa.string()))
        day = (now.astimezone(zone(self._zone_name)).date() - _EPOCH).days
        features = self._features(loaded.model.memory, facts, day, own, catalogue)
        purchase = loaded.model.purchase
        return Learned(
            model_version=loaded.version.name,
            relevance_weight=loaded.model.relevance_weight,
            relevance=loaded.model.relevance(features),
            probability=None if purchase is None else purchase.probabilities(features),
            price=facts.price,
            going_on=partial(self._journeys.worth_without_a_touch, customer_id, now),
        )

    def _features(
        self, memory: "LogMemory", facts: Facts, day: int, own: pa.Table, catalogue: pa.Table
    ) -> Float32Array:
        log = item_log(own, catalogue, memory.codes, self._zone_name)
        items = len(facts.item)
        past = past_of_list(facts, day, memory.records, log)
        return item_features(facts, np.full(items, day), np.zeros(items, dtype=np.int64), past)
