"""What the store takes and gives: small frozen values, no database types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

LTV_REVENUE = "ltv-revenue"
"""Kind of the models that forecast revenue; kinds are "ltv-" + value type, "journeys", "ranking"."""

UPLIFT = "uplift"
"""Kind of the models of what actions change."""

JOURNEYS = "journeys"
"""Kind of the models that say how likely a touch leads to a conversion."""

RANKING = "ranking"
"""Kind of the models that say which item is relevant to a customer."""

NEXT_ITEM = "next-item"
"""Kind of the models that find in the whole catalogue what a customer may want next."""

RETENTION = "retention"
"""Kind of the models that say how long contracts are renewed."""


@dataclass(frozen=True, slots=True)
class Business:
    """What is set once, at `farview init`."""

    time_zone: str  # IANA
    reporting_currency: str  # ISO 4217
    consent_required: bool


@dataclass(frozen=True, slots=True)
class Transaction:
    """One sale, or return when the amount is negative."""

    customer_id: str
    time: datetime  # aware
    amount: Decimal  # at most 12 digits before the point; rounded to 6 after it
    currency: str
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Which file is imported, and the options that change what is read from it."""

    name: str
    content_hash: str  # sha256 of the decompressed content, hex
    mapping: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What became of the rows written. Their sum is the number of rows given."""

    added: int = 0
    unchanged: int = 0  # known already, with the same content
    corrected: int = 0  # known already, with other content

    def __add__(self, other: "WriteCounts") -> "WriteCounts":
        return WriteCounts(self.added + other.added, self.unchanged + other.unchanged, self.corrected + other.corrected)


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file that was imported, now or before."""

    import_id: int
    counts: WriteCounts
    rejected: int
    imported_at: datetime
    before: bool  # True: this call changed nothing, the same content and mapping had been imported at `imported_at`


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a model comes from: enough to fit it again."""

    as_of: date
    known_at: datetime
    snapshot_hash: str  # of the transactions, or touchpoints, it saw
    feature_schema_hash: str
    code_version: str
    library_versions: Mapping[str, str]
    seed: int
    configuration: Mapping[str, Any]
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model about to be registered."""

    kind: str
    model: str
    artifact: bytes
    lineage: Lineage
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model. `name` is its resource name, "ltv-revenue/3"."""

    kind: str
    version: int
    model: str  # family: "bg_nbd"
    aliases: tuple[str, ...]  # "champion", "candidate" or none, at the time of the read
    artifact_sha256: str
    artifact_size_bytes: int
    lineage: Lineage
    metrics: Mapping[str, Any]
    created_at: datetime

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.version}"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What determines a run. (model, as_of, snapshot_hash, config_hash) is its idempotent key."""

    kind: str
    model_version: int
    as_of: date
    known_at: datetime
    snapshot_hash: str
    config_hash: str  # of everything else that changes a forecast: horizons, seed, code
    horizons_days: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class ForecastRun:
    """A run. Its forecasts can be read only once it is published."""

    run_id: int
    spec: RunSpec
    status: str  # "staging" | "published"
    forecasts: int  # rows: customers x horizons
    created_at: datetime
    published_at: datetime | None
    parts: int = 1  # transactions that stage it
    parts_staged: int = 0  # the first of them, when it was begun
    attempt: int = 1  # how often it was begun

    @property
    def published(self) -> bool:
        return self.status == "published"

    @property
    def model_name(self) -> str:
        return f"{self.spec.kind}/{self.spec.model_version}"


@dataclass(frozen=True, slots=True)
class OrderBy:
    """A column of FORECAST that is never null, and the direction. Ties go by customer id in the same direction."""

    column: str = "value_mean"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class PageKey:
    """The last row of a page: the next page begins after it."""

    value: float | str  # of the ordering column; dates as ISO 8601
    customer_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of FORECAST in order; `after` is None on the last page."""

    rows: pa.Table
    after: PageKey | None


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Identity of a write over RPC: a repeat with the same body is answered from memory."""

    request_id: str
    method: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One long job as recorded."""

    operation_id: int
    kind: str
    state: str  # "waiting" | "running" | "done" | "failed" | "cancelled"
    request: Mapping[str, Any]
    step: str
    done: int
    total: int | None
    result: Mapping[str, Any] | None
    error: str | None  # "Kind: message"
    who: str
    started_at: datetime | None  # None: still waiting
    updated_at: datetime
    ended_at: datetime | None
    queued_at: datetime | None  # None: recorded by a command, not queued by JobService
    attempts: int  # how often a worker began it
    cancel_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the append-only log."""

    at: datetime
    who: str
    action: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """A touch, or a conversion when `interaction` is "conversion"."""

    customer_id: str
    time: datetime  # aware
    interaction: str
    channel: str | None  # None only for conversions
    conversion_value: Decimal | None = None  # None for touches
    propensity: float | None = None  # of the channel under the policy that chose it
    touchpoint_id: str | None = None
    currency: str | None = None  # of the value; None: the reporting currency


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that an exposure came from, as its signed token tells."""

    answer_id: str
    method: str  # "PrioritizeCustomers" | "RankItems" | "PlanJourney"
    forecast_run_id: int | None
    model_version: str | None  # "journeys/3"
    plan_id: int | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """One place of an answer that was really shown."""

    place: int  # from 1; the position of a planned touch
    time: datetime  # aware
    customer_id: str | None
    item_id: str | None


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A journey plan about to be stored."""

    customer_id: str
    model_version: str  # "journeys/3"
    planned_at: datetime  # aware: the present of the plan; later touches were not seen
    request: Mapping[str, Any]  # constraints, margin, costs, timing: enough to plan again
    touches: tuple["PlanTouch", ...]
    probability: float
    probability_low: float
    probability_high: float
    probability_without: float
    expected_value: float
    expected_cost: float
    optimality_gap: float | None
    evidence: str


@dataclass(frozen=True, slots=True)
class PlanTouch:
    """One touch of a plan."""

    position: int  # from 1
    time: datetime  # aware
    channel: str
    hazard: float
    reached: float
    cost: float


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it was stored."""

    plan_id: int
    plan_run_id: int | None  # None: made by one call
    created_at: datetime
    plan: NewPlan


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Plans, newest first; `after` is the last one's id, None on the last page."""

    rows: tuple[StoredPlan, ...]
    after: int | None


@dataclass(frozen=True, slots=True)
class PlanRunSpec:
    """What determines a run of plans. Its fields but `known_at` are its idempotent key."""

    model_version: int  # of kind JOURNEYS
    as_of: date  # planned at the end of this day, business zone
    known_at: datetime
    snapshot_hash: str  # of the touchpoints seen
    config_hash: str  # of everything else that changes a plan


@dataclass(frozen=True, slots=True)
class PlanRun:
    """A run of plans, which can be read only once it is published."""

    plan_run_id: int
    spec: PlanRunSpec
    status: str  # "staging" | "published"
    plans: int
    created_at: datetime
    published_at: datetime | None
