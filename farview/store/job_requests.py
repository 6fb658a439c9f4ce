"""What a worker can be asked to do: the words in which the server writes an operation and a worker reads it.

Field by field these are the arguments of the jobs. What is left open takes the job's own default; a time or day left
open is settled once, when a worker first begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, TypeAdapter


@dataclass(frozen=True, slots=True)
class TrainLtv:
    """Fit and register a customer-value model."""

    kind: ClassVar[str] = "train"

    model: str = "bg_nbd"
    method: Literal["laplace", "nuts", "map"] = "laplace"
    update: float | None = None  # carry the champion on, with this power of what it has learnt
    seed: int = 0
    why: str = ""
    as_of: date | None = None
    known_at: datetime | None = None
    job: Literal["train-ltv"] = "train-ltv"


@dataclass(frozen=True, slots=True)
class CompareLtv:
    """Let all customer-value models compete and register the best."""

    kind: ClassVar[str] = "train"

    horizon_days: int = 90
    members: tuple[str, ...] = ()  # of the combination; (): the job's default
    seed: int = 0
    why: str = ""
    as_of: date | None = None
    known_at: datetime | None = None
    job: Literal["compare-ltv"] = "compare-ltv"


@dataclass(frozen=True, slots=True)
class TrainJourneys:
    """Fit and register a journey model."""

    kind: ClassVar[str] = "train"

    model: str = "lstm"
    window_days: float = 7.0
    attributes: tuple[str, ...] | None = None  # None: all there are
    seed: int = 0
    why: str = ""
    as_of: date | None = None
    known_at: datetime | None = None
    job: Literal["train-journeys"] = "train-journeys"


@dataclass(frozen=True, slots=True)
class TrainRanking:
    """Fit and register a ranker of items."""

    kind: ClassVar[str] = "train"

    model: str | None = None  # None: the best on held-out lists
    relevance_loss: float = 0.05
    seed: int = 0
    why: str = ""
    as_of: date | None = None
    known_at: datetime | None = None
    job: Literal["train-ranking"] = "train-ranking"


@dataclass(frozen=True, slots=True)
class TrainNextItem:
    """Fit and register a next-item model."""

    kind: ClassVar[str] = "train"

    model: str | None = None  # None: the best at an earlier split
    least_grade: int = 4
    seed: int = 0
    why: str = ""
    as_of: date | None = None
    known_at: datetime | None = None
    job: Literal["train-next-item"] = "train-next-item"


@dataclass(frozen=True, slots=True)
class Score:
    """Forecast every customer with the champion and publish the run."""

    kind: ClassVar[str] = "score"

    horizons_days: tuple[int, ...] = ()  # (): the job's default
    seed: int = 0
    as_of: date | None = None
    known_at: datetime | None = None
    job: Literal["score"] = "score"


@dataclass(frozen=True, slots=True)
class PlanEveryone:
    """Plan a journey for every customer with the champion and publish the plans."""

    kind: ClassVar[str] = "plan"

    where: str = ""
    max_touches: int = 5
    caps: Mapping[str, int] = field(default_factory=dict)  # channel -> most touches
    touch_costs: Mapping[str, float] = field(default_factory=dict)  # channel -> cost
    margin: float | None = None
    gap_hours: float | None = None
    consent_purpose: str = "marketing"
    as_of: date | None = None
    windows: tuple[tuple[int, float, str | None], ...] = ()  # most touches, hours, channel (None: all together)
    budget: float | None = None
    quiet: str = ""  # "21:00-08:00"; "": none
    length_cost: float = 0.0
    residual_change: float = 0.0
    after_purchase_days: float | None = None
    margin_by_forecast: bool = False
    job: Literal["plan"] = "plan"


@dataclass(frozen=True, slots=True)
class PrioritizeEveryone:
    """Order customers for a number of contacts, and store the audience."""

    kind: ClassVar[str] = "prioritize"

    capacity: int
    where: str = ""
    segment: str | None = None  # in place of `where`
    horizon_days: int = 0  # 0: the longest of the run
    score: str = "expected-value"
    score_number: float = 0.0
    score_action: str = ""  # of treatment-effect
    contact_cost: float = 0.0
    factors: tuple[tuple[str, float], ...] = ()  # (filter, factor)
    fatigue: tuple[float, int] | None = None  # (what each contact leaves, within so many days)
    floors: tuple[tuple[str, str, float], ...] = ()  # (name, filter, share)
    by_attention: bool = False  # floors are shares of attention, not of places
    report_shortfall: bool = False
    channel: str | None = None
    purpose: str = "marketing"
    caps: tuple[tuple[int, int], ...] = ()  # (most contacts, days)
    seed: int = 0
    as_of: None = None  # the latest run's
    job: Literal["prioritize"] = "prioritize"


Training: TypeAlias = TrainLtv | CompareLtv | TrainJourneys | TrainRanking | TrainNextItem
JobRequest: TypeAlias = Training | Score | PlanEveryone | PrioritizeEveryone

_JSON: TypeAdapter[JobRequest] = TypeAdapter(Annotated[JobRequest, Field(discriminator="job")])


def to_json(request: JobRequest) -> str:
    """As the operations table keeps it."""
    return _JSON.dump_json(request).decode()


def from_json(text: str) -> JobRequest:
    """What `to_json` wrote."""
    return _JSON.validate_json(text)
