"""Plans as they are asked for and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from journeys.about import Evidence
from journeys.constraints import Constraints


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A customer to plan for."""

    customer_id: str
    constraints: Constraints
    margin: float = 1.0  # expected, of a conversion, business currency; 1 without costs plans for probability alone
    touch_costs: Mapping[str, float] = field(default_factory=dict)  # channel -> business currency; others are free
    first_at: datetime | None = None  # of the first planned touch; default: now
    gap_hours: float | None = None  # between planned touches; default: the log's median gap


@dataclass(frozen=True, slots=True)
class PlannedTouch:
    """One row of a plan's step table."""

    position: int  # from 1
    time: datetime  # UTC
    channel: str
    hazard: float  # calibrated probability that it leads to conversion
    reached: float  # probability that it is sent: no conversion before
    cost: float  # if sent, business currency


@dataclass(frozen=True, slots=True)
class Plan:
    """The best plan found for a customer; no touch at all where none is worth its cost."""

    customer_id: str
    touches: tuple[PlannedTouch, ...]
    probability: float  # calibrated, of a conversion in the course of the plan
    probability_low: float  # 90 % interval over the calibration's uncertainty
    probability_high: float
    probability_without: float  # of a conversion without any further touch
    expected_value: float  # (probability - probability_without) x margin - expected cost
    expected_cost: float  # of the touches that are sent, which they are not after a conversion
    optimality_gap: float | None  # 0: no plan of higher expected value by this model; None: bound unavailable
    evidence: Evidence  # what the log behind the model can prove
    model: str  # kind of the model
