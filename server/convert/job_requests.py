"""Requests of JobService, checked, as a worker reads them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, model_validator

from farview.core.errors import InvalidInput
from farview.core.filters import FORECAST_FIELDS, compile_filter
from farview.features.item_log import PURCHASE
from farview.store.job_requests import (
    CompareLtv,
    JobRequest,
    PlanEveryone,
    Score,
    TrainJourneys,
    TrainLtv,
    TrainNextItem,
    TrainRanking,
)
from farview.v1 import job_pb2 as pb
from journeys.constraints import MOST_TOUCHES
from ltv.combination_model import NAME as COMBINATION
from ltv.families import BG_NBD
from ltv.registered import NAMES
from ranking.model_names import NEXT_ITEM_MODELS, RANKERS
from server.convert.fields import (
    Amount,
    Day,
    Distinct,
    Id,
    OptionalId,
    RequestId,
    Seed,
    Surroundings,
    counted,
    known_value,
    not_in_the_future,
    storable,
    to_instant,
)
from server.convert.forecast_requests import MAX_HORIZON_DAYS, Horizons, served_day
from server.convert.journey_requests import (
    DEFAULT_PURPOSE,
    DEFAULT_TOUCHES,
    MAX_CHANNELS,
    MAX_WINDOWS,
    Cap,
    Price,
    Quiet,
    TouchCost,
    Window,
    length_if_set,
    one_a_channel,
)
from server.convert.parse import Parsed, parse

MAX_ATTRIBUTES = 100
MAX_MEMBERS = 20
DEFAULT_AHEAD = 90
MAX_REASON_LENGTH = 1_000
MAX_DAYS = 3_650
DEFAULT_WINDOW = timedelta(days=7)
RELEVANCE_LOSS = TrainRanking().relevance_loss
MAX_RELEVANCE_LOSS = 1_000.0

_METHODS: dict[int, Literal["laplace", "nuts", "map"]] = {
    pb.INFERENCE_METHOD_UNSPECIFIED: "laplace",
    pb.INFERENCE_METHOD_LAPLACE: "laplace",
    pb.INFERENCE_METHOD_NUTS: "nuts",
    pb.INFERENCE_METHOD_MAP: "map",
}
_FAMILIES: dict[int, str] = {
    pb.JOURNEY_MODEL_FAMILY_UNSPECIFIED: "lstm",
    pb.JOURNEY_MODEL_FAMILY_LSTM: "lstm",
    pb.JOURNEY_MODEL_FAMILY_MARKOV: "markov",
    pb.JOURNEY_MODEL_FAMILY_GRU: "gru",
    pb.JOURNEY_MODEL_FAMILY_TRANSFORMER: "transformer",
    pb.JOURNEY_MODEL_FAMILY_MARKOV2: "markov2",
}


def _past_instant(message: Any, info: ValidationInfo) -> datetime | None:
    return None if message is None else not_in_the_future(to_instant(message), info)


AsOf: TypeAlias = Annotated[Day, AfterValidator(served_day)]
KnownAt: TypeAlias = Annotated[datetime | None, BeforeValidator(_past_instant)]
Reason: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_REASON_LENGTH), AfterValidator(storable)]


def _known_model(name: str) -> str:
    if name and name not in NAMES:
        raise ValueError(f"{name!r} is not known; use one of {', '.join(NAMES)}")
    return name


def _poolable(name: str) -> str:
    if name not in NAMES or name == COMBINATION:
        raise ValueError(f"{name!r} cannot be pooled; use some of {', '.join(n for n in NAMES if n != COMBINATION)}")
    return name


class Update(Parsed):
    """The champion carried on."""

    forgetting: Annotated[float, Field(gt=0, le=1)]


class Comparison(Parsed):
    """All models, of which the best is registered."""

    horizon_days: Annotated[int, Field(ge=0, le=MAX_HORIZON_DAYS), AfterValidator(lambda days: days or DEFAULT_AHEAD)]
    members: Annotated[tuple[Annotated[str, AfterValidator(_poolable)], ...], counted(0, MAX_MEMBERS), Distinct]


class Ltv(Parsed):
    """A customer-value model to fit, or with `update` to carry on; with `comparison` all of them."""

    method: Annotated[int, known_value(pb.InferenceMethod)]
    model: Annotated[str, AfterValidator(_known_model)]
    update: Update | None
    comparison: Comparison | None

    @model_validator(mode="after")
    def _updates_by_laplace(self) -> Self:
        if self.update is not None and _METHODS[self.method] != "laplace":
            raise InvalidInput.of("ltv.method", f"an update is by laplace, not {_METHODS[self.method]}")
        return self

    @model_validator(mode="after")
    def _compares_all(self) -> Self:
        named = self.model or self.update is not None or self.method != pb.INFERENCE_METHOD_UNSPECIFIED
        if self.comparison is not None and named:
            raise InvalidInput.of("ltv.comparison", "is of all models: leave `model`, `method` and `update` out")
        return self

    def for_worker(self, common: dict[str, Any]) -> JobRequest:
        """As a worker reads it; `common` to all trainings."""
        if self.comparison is not None:
            return CompareLtv(self.comparison.horizon_days, self.comparison.members, **common)
        update = None if self.update is None else self.update.forgetting
        return TrainLtv(self.model or BG_NBD, _METHODS[self.method], update, **common)


class Journeys(Parsed):
    """A journey model to fit."""

    family: Annotated[int, known_value(pb.JourneyModelFamily)]
    window: Annotated[timedelta | None, BeforeValidator(length_if_set)]
    attributes: Annotated[tuple[Id, ...], counted(0, MAX_ATTRIBUTES), Distinct]


def _one_of(names: Sequence[str]) -> AfterValidator:
    """A rule for the name of a model, "" for the best."""

    def check(name: str) -> str:
        if name and name not in names:
            raise ValueError(f"{name!r} is not known; use one of {', '.join(names)}")
        return name

    return AfterValidator(check)


class Ranking(Parsed):
    """A ranker to fit."""

    model: Annotated[str, _one_of(RANKERS)]
    relevance_loss: Annotated[float, Field(ge=0, le=MAX_RELEVANCE_LOSS, allow_inf_nan=False)]


class NextItem(Parsed):
    """A next-item model to fit."""

    model: Annotated[str, _one_of(NEXT_ITEM_MODELS)]
    least_grade: Annotated[int, Field(ge=0, le=PURCHASE), AfterValidator(lambda grade: grade or PURCHASE)]


class StartTraining(Parsed):
    """Exactly one of the models."""

    request_id: RequestId
    ltv: Ltv | None
    journeys: Journeys | None
    ranking: Ranking | None
    next_item: NextItem | None
    as_of_date: AsOf
    known_at_time: KnownAt
    seed: Seed
    reason: Reason

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if all(model is None for model in (self.ltv, self.journeys, self.ranking, self.next_item)):
            raise InvalidInput.of("training", "is not set; send `ltv`, `journeys`, `ranking` or `next_item`")
        return self

    def for_worker(self) -> JobRequest:
        """As a worker reads it."""
        given: dict[str, Any] = {
            "seed": self.seed,
            "why": self.reason,
            "as_of": self.as_of_date,
            "known_at": self.known_at_time,
        }
        if self.ltv is not None:
            return self.ltv.for_worker(given)
        if self.ranking is not None:
            return TrainRanking(self.ranking.model or None, self.ranking.relevance_loss, **given)
        if self.next_item is not None:
            return TrainNextItem(self.next_item.model or None, self.next_item.least_grade, **given)
        assert self.journeys is not None
        return TrainJourneys(
            model=_FAMILIES[self.journeys.family],
            window_days=(self.journeys.window or DEFAULT_WINDOW) / timedelta(days=1),
            attributes=self.journeys.attributes or None,
            **given,
        )


class StartScoring(Parsed):
    """A run to publish."""

    request_id: RequestId
    horizon_days: Horizons
    as_of_date: AsOf
    known_at_time: KnownAt
    seed: Seed

    def for_worker(self) -> JobRequest:
        """As a worker reads it."""
        return Score(self.horizon_days, seed=self.seed, as_of=self.as_of_date, known_at=self.known_at_time)


class StartPlanning(Parsed):
    """Plans to publish. None: the model's own margin and gap. The filter is checked when the request is read."""

    request_id: RequestId
    filter: str
    max_touches: Annotated[
        int, Field(ge=0, le=MOST_TOUCHES), AfterValidator(lambda touches: touches or DEFAULT_TOUCHES)
    ]
    channel_caps: Annotated[tuple[Cap, ...], AfterValidator(one_a_channel), counted(0, MAX_CHANNELS)]
    touch_costs: Annotated[tuple[TouchCost, ...], AfterValidator(one_a_channel), counted(0, MAX_CHANNELS)]
    conversion_margin: Price | None
    gap: Annotated[timedelta | None, BeforeValidator(length_if_set)]
    consent_purpose: Annotated[OptionalId, AfterValidator(lambda purpose: purpose.strip() or DEFAULT_PURPOSE)]
    as_of_date: AsOf
    window_caps: Annotated[tuple[Window, ...], counted(0, MAX_WINDOWS)]
    budget: Price | None
    quiet_hours: Quiet | None
    length_cost: Price | None
    residual_value_change: Amount | None
    after_purchase_days: Annotated[int, Field(ge=0, le=MAX_DAYS)]
    margin_by_forecast: bool

    def for_worker(self) -> JobRequest:
        """As a worker reads it."""
        quiet = self.quiet_hours
        return PlanEveryone(
            where=self.filter,
            max_touches=self.max_touches,
            caps={cap.channel: cap.max_touches for cap in self.channel_caps},
            touch_costs={row.channel: float(row.cost.value) for row in self.touch_costs},
            margin=None if self.conversion_margin is None else float(self.conversion_margin.value),
            gap_hours=None if self.gap is None else self.gap / timedelta(hours=1),
            consent_purpose=self.consent_purpose,
            as_of=self.as_of_date,
            windows=tuple(
                (each.max_touches, each.window / timedelta(hours=1), each.channel or None) for each in self.window_caps
            ),
            budget=None if self.budget is None else float(self.budget.value),
            quiet="" if quiet is None else f"{quiet.start_time:%H:%M}-{quiet.end_time:%H:%M}",
            length_cost=0.0 if self.length_cost is None else float(self.length_cost.value),
            residual_change=0.0 if self.residual_value_change is None else float(self.residual_value_change.value),
            after_purchase_days=self.after_purchase_days or None,
            margin_by_forecast=self.margin_by_forecast,
        )


def start_training(message: pb.StartTrainingRequest, around: Surroundings) -> StartTraining:
    """The checked request; InvalidInput names the wrong fields, here and below."""
    chosen = message.WhichOneof("training")
    fields: dict[str, Any] = dict.fromkeys(("ltv", "journeys", "ranking", "next_item"))
    if chosen == "ltv":
        fields["ltv"] = _ltv(message.ltv)
    if chosen == "journeys":
        wanted = message.journeys
        fields["journeys"] = {
            "family": wanted.family,
            "window": _set(wanted, "window"),
            "attributes": tuple(wanted.attributes),
        }
    if chosen == "ranking":
        loss = message.ranking.relevance_loss if message.ranking.HasField("relevance_loss") else RELEVANCE_LOSS
        fields["ranking"] = {"model": message.ranking.model, "relevance_loss": loss}
    if chosen == "next_item":
        fields["next_item"] = {"model": message.next_item.model, "least_grade": message.next_item.least_grade}
    return parse(
        StartTraining,
        {
            **fields,
            "request_id": message.request_id,
            "as_of_date": _set(message, "as_of_date"),
            "known_at_time": _set(message, "known_at_time"),
            "seed": message.seed,
            "reason": message.reason,
        },
        around,
    )


def _ltv(message: pb.LtvTraining) -> dict[str, Any]:
    update = message.update
    forgetting = update.forgetting if update.HasField("forgetting") else 1.0
    carried_on = {"forgetting": forgetting} if message.HasField("update") else None
    compared = None
    if message.HasField("comparison"):
        asked = message.comparison
        compared = {"horizon_days": asked.horizon_days, "members": tuple(asked.members)}
    return {"method": message.method, "model": message.model, "update": carried_on, "comparison": compared}


def start_scoring(message: pb.StartScoringRequest, around: Surroundings) -> StartScoring:
    """The checked request."""
    return parse(
        StartScoring,
        {
            "request_id": message.request_id,
            "horizon_days": tuple(message.horizon_days),
            "as_of_date": _set(message, "as_of_date"),
            "known_at_time": _set(message, "known_at_time"),
            "seed": message.seed,
        },
        around,
    )


def start_planning(message: pb.StartPlanningRequest, around: Surroundings) -> StartPlanning:
    """The checked request."""
    asked = parse(
        StartPlanning,
        {
            "request_id": message.request_id,
            "filter": message.filter,
            "max_touches": message.max_touches,
            "channel_caps": tuple(message.channel_caps),
            "touch_costs": tuple(message.touch_costs),
            "conversion_margin": _set(message, "conversion_margin"),
            "gap": _set(message, "gap"),
            "consent_purpose": message.consent_purpose,
            "as_of_date": _set(message, "as_of_date"),
            "window_caps": tuple(message.window_caps),
            "budget": _set(message, "budget"),
            "quiet_hours": _set(message, "quiet_hours"),
            "length_cost": _set(message, "length_cost"),
            "residual_value_change": _set(message, "residual_value_change"),
            "after_purchase_days": message.after_purchase_days,
            "margin_by_forecast": message.margin_by_forecast,
        },
        around,
    )
    compile_filter(asked.filter, FORECAST_FIELDS)
    return asked


def _set(message: Any, field: str) -> Any:
    return getattr(message, field) if message.HasField(field) else None
