"""Forecasts from features in memory, by a registered model's saved draws."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
from structlog.typing import FilteringBoundLogger

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import ArtifactMismatch, FailedPrecondition, NotFound
from farview.features.attributes import with_attributes
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ForecastRun, ModelVersion
from ltv.boost_drivers import Driver
from ltv.inputs import History
from ltv.model import LtvModel, differs_by
from ltv.registered import Ready, load, ready
from server.convert.model_requests import version_name

SEED = 0  # of `farview score`, so that the answers are those that a run would store
_MODELS_KEPT = 4


class Scoring:
    """Loads models once each and scores with them. Safe to share between threads."""

    def __init__(self, store: Store, logger: FilteringBoundLogger) -> None:
        self._store = store
        self._logger = logger
        self._lock = threading.Lock()
        self._models: OrderedDict[str, Ready] = OrderedDict()
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

    def inputs(self, version: ModelVersion, histories: Sequence[History], cut: Cut, zone: str) -> pa.Table:
        """What the version reads of each history, in their order; those without a purchase by the cut are left out.

        Attributes by which its customers differ are those stored.
        """
        loaded = self._loaded(version)
        rows = pa.Table.from_batches([loaded.inputs.of_some(histories, cut, zone)])
        if columns := differs_by(loaded.model):
            rows = with_attributes(rows, self._store.attributes(rows[c.CUSTOMER_ID].to_pylist()), columns)
        return rows

    def customers(self, version: ModelVersion, events: pa.RecordBatchReader, cut: Cut, zone: str) -> pa.Table:
        """What the version reads of everybody with a purchase by the cut, from schemas.EVENTS."""
        loaded = self._loaded(version)
        rows = loaded.inputs.bulk(events, cut, zone).read_all()
        columns = differs_by(loaded.model)
        return with_attributes(rows, self._store.attributes(), columns) if columns else rows

    def forecast(self, version: ModelVersion, inputs: pa.Table, horizons_days: Sequence[int], as_of: date) -> pa.Table:
        """schemas.FORECAST of each row of the version's inputs, in its order."""
        scorer = self._loaded(version).scorer(tuple(horizons_days), as_of)
        return pa.Table.from_batches(scorer.forecast(inputs.combine_chunks().to_batches()), schemas.FORECAST)

    def drivers(self, version: ModelVersion, inputs: pa.Table, as_of: date) -> list[tuple[Driver, ...]]:
        """What moves the forecast of each row of the version's inputs, in their order."""
        model = self._loaded(version)
        return [told for rows in inputs.combine_chunks().to_batches() for told in model.drivers(rows, as_of)]

    def stored_drivers(self, run: ForecastRun, customer_id: str, zone: str) -> tuple[Driver, ...]:
        """What moves a customer's forecast in a run, by its model and what it saw of the customer."""
        version = self._store.model_version(run.spec.kind, run.spec.model_version)
        cut = Cut(run.spec.as_of, run.spec.known_at)
        history = History.of(customer_id, self._store.transactions_of(cut, [customer_id]))
        told = self.drivers(version, self.inputs(version, [history], cut, zone), cut.as_of)
        return told[0] if told else ()

    def model(self, version: ModelVersion) -> LtvModel:
        """The model of a version."""
        return self._loaded(version).model

    def warm(self) -> None:
        """Loads the champion, if there is one, and runs its kernels once, so that no caller waits for that."""
        try:
            champion = self._sound(self._store.champion(LTV_REVENUE))
        except NotFound:
            return
        day, ago = date(2000, 3, 1), np.datetime64("2000-02-01")
        histories = [
            History("once", np.array([ago]), np.array([10.0])),
            History("often", ago + np.array([0, 5, 12, 20]), np.full(4, 10.0)),
        ]
        cut = Cut(day, datetime(2000, 3, 2, tzinfo=UTC))
        self.forecast(champion, self.inputs(champion, histories, cut, "UTC"), (90,), day)

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

    def _loaded(self, version: ModelVersion) -> Ready:
        with self._lock:
            key = version.artifact_sha256
            if key not in self._models:
                self._models[key] = ready(load(self._store.artifact(version)), SEED)
                self._logger.info("model loaded", model_version=version.name)
                while len(self._models) > _MODELS_KEPT:
                    self._models.popitem(last=False)
            self._models.move_to_end(key)
            return self._models[key]
