"""The journey model that is served: the champion, loaded and warm before anybody is answered with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from structlog.typing import FilteringBoundLogger

from farview.core import schemas
from farview.core.errors import FailedPrecondition, NotFound
from farview.features.attributes import attribute_table
from farview.features.steps import instant
from farview.store.store import Store
from farview.store.values import JOURNEYS, ModelVersion
from journeys.constraints import Constraints
from journeys.model import load
from journeys.plan import PlanRequest
from journeys.planning import histories, plan_journey
from journeys.scorer import JourneyModel


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A registered journey model in memory. Every plan is made with one."""

    version: ModelVersion
    model: JourneyModel[Any]

    @property
    def channels(self) -> tuple[str, ...]:
        """Those that it can plan with."""
        return self.model.about.vocabulary.channels

    @property
    def mean_conversion_value(self) -> float | None:
        """Of the log that it learnt from, business currency; None where that log told no value."""
        value: float | None = self.version.metrics["mean_conversion_value"]
        return value


class ServedJourneys:
    """The model that plans now."""

    def __init__(self, store: Store, logger: FilteringBoundLogger) -> None:
        self._store = store
        self._logger = logger
        self._loaded: LoadedModel | None = None

    def current(self) -> LoadedModel:
        """The model; hold it for the whole of an answer.

        Raises:
            FailedPrecondition: no journey model is registered yet.
        """
        if self._loaded is None:
            raise FailedPrecondition("no journey model is fitted yet (run `farview train journeys`)")
        return self._loaded

    def worth_without_a_touch(self, customer_id: str, now: datetime) -> float:
        """Probability that the customer converts without a further touch, times the mean value of a conversion.

        Raises:
            FailedPrecondition: no journey model is registered yet, or its log told no value of conversions.
        """
        loaded = self.current()
        worth = loaded.mean_conversion_value
        if worth is None:
            raise FailedPrecondition(f"the log of {loaded.version.name} tells no value of conversions (import them)")
        about = loaded.model.about
        attributes = attribute_table(self._store.attributes([customer_id]), about.context.kinds)
        log = self._store.touchpoints_of([customer_id], now)
        request = PlanRequest(customer_id, Constraints(max_touches=1))
        plan = plan_journey(loaded.model, histories(about, log, now), attributes, request)
        return plan.probability_without * worth

    def refresh(self) -> bool:
        """Loads and warms the champion if it is another than the one served, then swaps. True when it swapped."""
        try:
            champion = self._store.champion(JOURNEYS)
        except NotFound:
            return False
        if self._loaded is not None and self._loaded.version.version == champion.version:
            return False
        loaded = LoadedModel(champion, load(self._store.artifact(champion)))
        _warm(loaded.model)
        self._loaded = loaded
        self._logger.info("journey model swapped", model_version=champion.name)
        return True


def _warm(model: JourneyModel[Any]) -> None:
    """Plans for nobody, so that no caller waits for kernels to load."""
    now = instant(model.about.since_us) + timedelta(days=1)
    channel = model.about.vocabulary.channels[0]
    touch = {"customer_id": "a", "time": now - timedelta(hours=1), "interaction": "touch", "channel": channel}
    log = pa.Table.from_pylist([touch], schema=schemas.TOUCHPOINTS)
    plan_journey(model, histories(model.about, log, now), None, PlanRequest("a", Constraints(max_touches=2)))
