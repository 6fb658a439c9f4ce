"""Requests of JourneyService, checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from google.type.timeofday_pb2 import TimeOfDay
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from farview.core.errors import InvalidInput, Violation
from farview.v1 import journey_pb2 as pb
from journeys.constraints import MOST_TOUCHES, Constraints
from journeys.plan import PlanRequest
from journeys.windows import QuietHours, WindowCap
from server.convert.fields import (
    Amount,
    Id,
    OptionalId,
    RequestId,
    Surroundings,
    counted,
    distinct,
    to_instant,
)
from server.convert.forecast_requests import PageSize
from server.convert.parse import Parsed, parse

DEFAULT_TOUCHES = 5
DEFAULT_PURPOSE = "marketing"
MAX_FORBIDDEN = 1_000
MAX_CHANNELS = 100
MAX_WINDOWS = 20
MAX_ALTERNATIVES = 20
MAX_BATCH = 500
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
SHORTEST_GAP, FARTHEST = timedelta(minutes=1), timedelta(days=366)
_MICROSECOND = timedelta(microseconds=1)

Position = Annotated[int, Field(ge=1, le=MOST_TOUCHES)]
Touches = Annotated[int, Field(ge=0, le=MOST_TOUCHES)]


def _no_less_than_nothing(amount: Amount) -> Amount:
    if amount.value < 0:
        raise ValueError(f"is {amount.value:,}; it must be at least 0")
    return amount


Price = Annotated[Amount, AfterValidator(_no_less_than_nothing)]


def length_if_set(message: Duration | None) -> timedelta | None:
    """A length of 1 minute to 366 days; None stays None."""
    if message is None:
        return None
    if abs(message.nanos) >= 1_000_000_000 or message.nanos * message.seconds < 0:
        raise ValueError(f"has {message.nanos:,} nanos with {message.seconds:,} seconds, which is no duration")
    microseconds = message.seconds * 1_000_000 + message.nanos // 1_000
    if not SHORTEST_GAP // _MICROSECOND <= microseconds <= FARTHEST // _MICROSECOND:
        raise ValueError(f"is {microseconds / 1_000_000:,.6g} seconds; it must be from 1 minute to 366 days")
    return microseconds * _MICROSECOND


def set_amount(message: pb.PlanJourneyRequest | pb.SimulateJourneysRequest, field: str) -> Money | None:
    """An amount of the request; None where it is left out."""
    return getattr(message, field) if message.HasField(field) else None  # type: ignore[arg-type]


class Spot(Parsed):
    """A channel at a position."""

    position: Position
    channel: Id

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.JourneySpot) -> dict[str, Any]:
        return {"position": message.position, "channel": message.channel}


class Cap(Parsed):
    """At most so many touches of a channel."""

    channel: Id
    max_touches: Touches

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ChannelCap) -> dict[str, Any]:
        return {"channel": message.channel, "max_touches": message.max_touches}


class Window(Parsed):
    """At most so many touches in a stretch of time."""

    channel: OptionalId
    max_touches: Touches
    window: Annotated[timedelta, BeforeValidator(length_if_set)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.WindowCap) -> dict[str, Any]:
        length = message.window if message.HasField("window") else Duration()
        return {"channel": message.channel, "max_touches": message.max_touches, "window": length}


def _time_of_day(message: TimeOfDay) -> time:
    if not (0 <= message.hours < 24 and 0 <= message.minutes < 60) or message.seconds or message.nanos:
        raise ValueError("is no time of day in whole minutes, from 00:00 to 23:59")
    return time(message.hours, message.minutes)


class Quiet(Parsed):
    """Hours in which nothing is sent."""

    start_time: Annotated[time, BeforeValidator(_time_of_day)]
    end_time: Annotated[time, BeforeValidator(_time_of_day)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.QuietHours) -> dict[str, Any]:
        return {"start_time": message.start_time, "end_time": message.end_time}

    @field_validator("end_time")
    @classmethod
    def _not_the_whole_day(cls, until: time, info: ValidationInfo) -> time:
        if until == info.data.get("start_time"):
            raise ValueError("is the same as start_time; leave quiet_hours out for none")
        return until


def _one_a_position(spots: tuple[Spot, ...]) -> tuple[Spot, ...]:
    distinct([spot.position for spot in spots])
    return spots


def _distinct_spots(spots: tuple[Spot, ...]) -> tuple[Spot, ...]:
    distinct([(spot.position, spot.channel) for spot in spots])
    return spots


def one_a_channel(rows: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuses a channel that is named twice."""
    distinct([row.channel for row in rows])
    return rows


class JourneyConstraints(Parsed):
    """What a plan must keep to; whether it can is the planner's to say."""

    max_touches: Annotated[Touches, AfterValidator(lambda touches: touches or DEFAULT_TOUCHES)]
    min_touches: Touches
    fixed_touches: Annotated[tuple[Spot, ...], AfterValidator(_one_a_position), counted(0, MOST_TOUCHES)]
    forbidden_touches: Annotated[tuple[Spot, ...], AfterValidator(_distinct_spots), counted(0, MAX_FORBIDDEN)]
    channel_caps: Annotated[tuple[Cap, ...], AfterValidator(one_a_channel), counted(0, MAX_CHANNELS)]
    window_caps: Annotated[tuple[Window, ...], counted(0, MAX_WINDOWS)]
    budget: Price | None
    quiet_hours: Quiet | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.JourneyConstraints) -> dict[str, Any]:
        return {
            "max_touches": message.max_touches,
            "min_touches": message.min_touches,
            "fixed_touches": tuple(message.fixed_touches),
            "forbidden_touches": tuple(message.forbidden_touches),
            "channel_caps": tuple(message.channel_caps),
            "window_caps": tuple(message.window_caps),
            "budget": message.budget if message.HasField("budget") else None,
            "quiet_hours": message.quiet_hours if message.HasField("quiet_hours") else None,
        }

    def with_consent(self, denied: frozenset[str]) -> Constraints:
        """For the planner, with the channels that the customer denies."""
        return Constraints(
            max_touches=self.max_touches,
            min_touches=self.min_touches,
            fixed={spot.position: spot.channel for spot in self.fixed_touches},
            forbidden=frozenset((spot.position, spot.channel) for spot in self.forbidden_touches),
            caps={cap.channel: cap.max_touches for cap in self.channel_caps},
            denied=denied,
            windows=tuple(
                WindowCap(each.max_touches, each.window / timedelta(hours=1), each.channel or None)
                for each in self.window_caps
            ),
            budget=None if self.budget is None else float(self.budget.value),
            quiet=None
            if self.quiet_hours is None
            else QuietHours(self.quiet_hours.start_time, self.quiet_hours.end_time),
        )


class TouchCost(Parsed):
    """What a touch of a channel costs."""

    channel: Id
    cost: Price

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.TouchCost) -> dict[str, Any]:
        return {"channel": message.channel, "cost": message.cost if message.HasField("cost") else None}


def instant_if_set(message: Timestamp | None) -> datetime | None:
    """An instant; None stays None."""
    return None if message is None else to_instant(message)


def _too_far(first_touch: datetime | None, present: datetime) -> str | None:
    """What is wrong with the time of the first touch."""
    if first_touch is None or present <= first_touch <= present + FARTHEST:
        return None
    return f"is {first_touch.isoformat()}; it must be from plan_time, {present.isoformat()}, to 366 days after it"


class PlanJourney(Parsed):
    """A plan to make. None: the model's own margin and gap, the server's clock, the plan's time."""

    request_id: RequestId
    customer_id: Id
    constraints: JourneyConstraints
    conversion_margin: Price | None
    touch_costs: Annotated[tuple[TouchCost, ...], AfterValidator(one_a_channel), counted(0, MAX_CHANNELS)]
    plan_time: Annotated[datetime | None, BeforeValidator(instant_if_set)]
    first_touch_time: Annotated[datetime | None, BeforeValidator(instant_if_set)]
    gap: Annotated[timedelta | None, BeforeValidator(length_if_set)]
    consent_purpose: Annotated[OptionalId, AfterValidator(lambda purpose: purpose.strip() or DEFAULT_PURPOSE)]
    length_cost: Price | None
    alternative_count: Annotated[int, Field(ge=0, le=MAX_ALTERNATIVES)]
    explained: bool
    replaces_plan_id: OptionalId
    residual_value_change: Amount | None

    @field_validator("plan_time")
    @classmethod
    def _in_these_centuries(cls, time: datetime | None) -> datetime | None:
        if time is not None and time >= LATEST:
            raise ValueError(f"is {time.isoformat()}; it must be before 2200 (is it milliseconds?)")
        return time

    @field_validator("first_touch_time")
    @classmethod
    def _soon_after_the_present(cls, time: datetime | None, info: ValidationInfo) -> datetime | None:
        present = info.data.get("plan_time")  # None: wrong itself, or the clock's, which a repeat may find later
        if present is not None and (problem := _too_far(time, present)):
            raise ValueError(problem)
        return time

    def for_planner(self, present: datetime, denied: frozenset[str], defaults: "Defaults") -> PlanRequest:
        """The request with nothing left open but, for the business's, the zone.

        Raises:
            InvalidInput: neither the request nor the model knows what a conversion brings, or the first touch is not
                soon after the present.
        """
        if problem := _too_far(self.first_touch_time, present):
            raise InvalidInput.of("first_touch_time", problem)
        return to_plan(self, self.customer_id, (self.first_touch_time or present, denied), defaults)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the model and the customer's record say where the request does not."""

    margin: float | None  # None: it cannot say
    gap_hours: float
    zone: str | None  # IANA, of the customer; None: not known


class Terms(Protocol):
    """What requests for plans and for roll-outs have in common."""

    @property
    def constraints(self) -> JourneyConstraints: ...
    @property
    def conversion_margin(self) -> Amount | None: ...
    @property
    def touch_costs(self) -> tuple[TouchCost, ...]: ...
    @property
    def gap(self) -> timedelta | None: ...
    @property
    def length_cost(self) -> Amount | None: ...
    @property
    def residual_value_change(self) -> Amount | None: ...


def to_plan(asked: Terms, customer_id: str, begin: tuple[datetime, frozenset[str]], defaults: Defaults) -> PlanRequest:
    """What the planner is asked for one customer.

    Args:
        asked: the terms.
        customer_id: whose journey.
        begin: time of the first touch, and the channels that the customer denies.
        defaults: where the terms are silent.

    Raises:
        InvalidInput: neither the terms nor the model know what a conversion brings, or it is worth less than nothing.
    """
    first_at, denied = begin
    margin = defaults.margin if asked.conversion_margin is None else float(asked.conversion_margin.value)
    if margin is None:
        raise InvalidInput.of(
            "conversion_margin",
            "is not set, and the log that the model learnt from told no conversion value to take instead",
        )
    change = 0.0 if asked.residual_value_change is None else float(asked.residual_value_change.value)
    if margin + change < 0:
        raise InvalidInput.of("residual_value_change", f"is {change:,}; with the margin of {margin:,} it is below 0")
    return PlanRequest(
        customer_id=customer_id,
        constraints=asked.constraints.with_consent(denied),
        margin=margin,
        touch_costs={row.channel: float(row.cost.value) for row in asked.touch_costs},
        first_at=first_at,
        gap_hours=defaults.gap_hours if asked.gap is None else asked.gap / timedelta(hours=1),
        length_cost=0.0 if asked.length_cost is None else float(asked.length_cost.value),
        zone=defaults.zone,
        residual_change=change,
    )


class GetPlan(Parsed):
    """Which plan."""

    plan_id: Id


class ListPlans(Parsed):
    """One page; `customer_id` "": of all customers."""

    page_size: PageSize
    page_token: str
    customer_id: OptionalId


def plan_journey(message: pb.PlanJourneyRequest, around: Surroundings) -> PlanJourney:
    """The checked request; InvalidInput names the wrong fields, here and below."""
    _terms_left_out(message)
    return parse(
        PlanJourney,
        {
            "request_id": message.request_id,
            "customer_id": message.customer_id,
            "constraints": message.constraints,
            "conversion_margin": set_amount(message, "conversion_margin"),
            "touch_costs": tuple(message.touch_costs),
            "plan_time": message.plan_time if message.HasField("plan_time") else None,
            "first_touch_time": message.first_touch_time if message.HasField("first_touch_time") else None,
            "gap": message.gap if message.HasField("gap") else None,
            "consent_purpose": message.consent_purpose,
            "length_cost": set_amount(message, "length_cost"),
            "alternative_count": message.alternative_count,
            "explained": message.explained,
            "replaces_plan_id": message.replaces_plan_id,
            "residual_value_change": set_amount(message, "residual_value_change"),
        },
        around,
    )


_OF_THE_PLAN_BEFORE = (
    "constraints",
    "conversion_margin",
    "touch_costs",
    "gap",
    "length_cost",
    "residual_value_change",
    "consent_purpose",
)


def _terms_left_out(message: pb.PlanJourneyRequest) -> None:
    """Raises InvalidInput where a plan is to go on from another and has terms of its own."""
    told = {field.name for field, _ in message.ListFields()}
    if message.replaces_plan_id:
        own = [name for name in _OF_THE_PLAN_BEFORE if name in told]
        if own:
            raise InvalidInput(
                *(Violation(name, "is that of the plan in replaces_plan_id; leave it out") for name in own)
            )


class Keyed(Parsed):
    """A request of a batch, checked later for itself."""

    key: Id
    request: pb.PlanJourneyRequest

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.KeyedPlanJourneyRequest) -> dict[str, Any]:
        return {"key": message.key, "request": message.request}


def _different(rows: tuple[Keyed, ...]) -> tuple[Keyed, ...]:
    distinct([row.key for row in rows])
    distinct([row.request.request_id for row in rows if row.request.request_id])
    return rows


class Batch(Parsed):
    """Requests for plans."""

    requests: Annotated[tuple[Keyed, ...], counted(1, MAX_BATCH), AfterValidator(_different)]


def batch(message: pb.BatchPlanJourneysRequest) -> tuple[Keyed, ...]:
    """The checked keys with their requests, which are checked one by one later."""
    return parse(Batch, {"requests": tuple(message.requests)}).requests


def get_plan(message: pb.GetPlanRequest) -> GetPlan:
    """The checked request."""
    return parse(GetPlan, {"plan_id": message.plan_id})


def list_plans(message: pb.ListPlansRequest) -> ListPlans:
    """The checked request."""
    fields = {"page_size": message.page_size, "page_token": message.page_token, "customer_id": message.customer_id}
    return parse(ListPlans, fields)


class Chooses(Protocol):
    """A request that names channels."""

    @property
    def constraints(self) -> JourneyConstraints: ...
    @property
    def touch_costs(self) -> tuple[TouchCost, ...]: ...


def require_channels(asked: Chooses, known: Sequence[str]) -> None:
    """Raises InvalidInput for every channel that the model does not know, by its path."""
    wrong = [(path, name) for path, name in _channels(asked) if name not in known]
    if wrong:
        names = ", ".join(known)
        raise InvalidInput(*(Violation(path, f"is {name!r}; the model knows {names}") for path, name in wrong))


def _channels(asked: Chooses) -> Iterator[tuple[str, str]]:
    rules = asked.constraints
    named: tuple[tuple[str, Sequence[Spot | Cap | Window | TouchCost]], ...] = (
        ("constraints.fixed_touches", rules.fixed_touches),
        ("constraints.forbidden_touches", rules.forbidden_touches),
        ("constraints.channel_caps", rules.channel_caps),
        ("constraints.window_caps", rules.window_caps),
        ("touch_costs", asked.touch_costs),
    )
    for path, rows in named:
        for index, row in enumerate(rows):
            if row.channel:
                yield f"{path}[{index}].channel", row.channel
