"""Forecasts from features in memory, by a registered model's saved draws."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from structlog.typing import FilteringBoundLogger

from farview.core import columns as c
from farview.core import schemas
from farview.core.errors import ArtifactMismatch, FailedPrecondition, NotFound
from farview.features.attributes import with_attributes
from farview.features.rfm import Rfm, rfm_batch
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from ltv.model import LtvModel, differs_by, load, merged_by
from ltv.scorer import Scorer
from ltv.tables import Tables
from server.convert.model_requests import version_name

SEED = 0  # of `farview score`, so that the answers are those that a run would store
_MODELS_KEPT = 4


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model and its tables, which every call extends and none changes."""

    model: LtvModel
    tables: Tables


class Scoring:
    """Loads models once each and scores with them. Safe to share between threads."""

    def __init__(self, store: Store, logger: FilteringBoundLogger) -> None:
        self._store = store
        self._logger = logger
        self._lock = threading.Lock()
        self._models: OrderedDict[str, _Loaded] = OrderedDict()
        self._champion: ModelVersion | None = None  # the last one that loaded

    def version(self, name: str) -> ModelVersion:
        """The version of that name, or with "" the champion; the one before it while the champion's bytes are damaged.

        Raises:
            FailedPrecondition: there is no champion yet.
            ArtifactMismatch: the champion's bytes are not those registered, and no champion was loaded before it.
            NotFound: there is no such version, or it does not forecast value.
        """
        if not name:
            try:
                return self._sound(self._store.champion(LTV_REVENUE))
            except NotFound:
                raise FailedPrecondition("no model is fitted yet (run `farview train ltv`)") from None
        try:
            asked = version_name(name)
        except ValueError:
            raise NotFound("model version", name) from None
        if asked.kind != LTV_REVENUE:
            raise NotFound(f"{LTV_REVENUE} model version", name)
        return self._store.model_version(asked.kind, asked.version)

    def forecast(
        self, version: ModelVersion, rfm: pa.RecordBatch, horizons_days: Sequence[int], as_of: date
    ) -> pa.Table:
        """schemas.FORECAST of each row of schemas.RFM, merged by the version's periods, in its order."""
        loaded = self._loaded(version)
        scorer = Scorer(loaded.model, tuple(horizons_days), as_of, SEED, loaded.tables)
        rows = pa.Table.from_batches([rfm])
        if columns := differs_by(loaded.model):
            rows = with_attributes(rows, self._store.attributes(rows[c.CUSTOMER_ID].to_pylist()), columns)
        return pa.Table.from_batches(scorer.forecast(rows.to_batches()), schemas.FORECAST)

    def period_days(self, version: ModelVersion) -> int:
        """By which periods the purchases of the histories that a version reads are merged."""
        return merged_by(self._loaded(version).model)

    def model(self, version: ModelVersion) -> LtvModel:
        """The model of a version."""
        return self._loaded(version).model

    def warm(self) -> None:
        """Loads the champion, if there is one, and runs its kernels once, so that no caller waits for that."""
        try:
            champion = self._sound(self._store.champion(LTV_REVENUE))
        except NotFound:
            return
        day, period = date(2000, 1, 1), self.period_days(champion)
        rows = [
            Rfm("2000-01", day, 0, 0.0, 0.0, 0.0, 10.0),
            Rfm("2000-01", day, 3, 20.0 * period, 30.0 * period, 10.0, 10.0),
        ]
        self.forecast(champion, rfm_batch(["a", "b"], rows, period), (90,), day)

    def _sound(self, champion: ModelVersion) -> ModelVersion:
        """The champion, or while it cannot be loaded the last one that could; answers name the version they are of."""
        try:
            self._loaded(champion)
        except ArtifactMismatch as mismatch:
            if self._champion is None:
                raise
            self._logger.error("champion refused", model_version=champion.name, reason=str(mismatch))
            return self._champion
        self._champion = champion
        return champion

    def _loaded(self, version: ModelVersion) -> _Loaded:
        with self._lock:
            key = version.artifact_sha256
            if key not in self._models:
                model = load(self._store.artifact(version))
                self._models[key] = _Loaded(model, Tables(model, SEED))
                self._logger.info("model loaded", model_version=version.name)
                while len(self._models) > _MODELS_KEPT:
                    self._models.popitem(last=False)
            self._models.move_to_end(key)
            return self._models[key]
