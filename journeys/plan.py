"""Plans as they are asked for and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

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
    length_cost: float = 0.0  # by which each touch must better the plan, beside what it costs, business currency
    zone: str | None = None  # IANA, of the customer, for quiet hours; default: the business's
    residual_change: float = 0.0  # of what the customer is worth beyond, by a conversion; at least -margin

    @property
    def worth(self) -> float:
        """Of a conversion: what it brings, and what it changes of what comes after it."""
        return self.margin + self.residual_change

    def as_data(self) -> dict[str, Any]:
        """JSON data of everything but the customer, which `from_data` turns back; equal requests give equal data."""
        return {
            "constraints": self.constraints.as_data(),
            "margin": self.margin,
            "touch_costs": dict(sorted(self.touch_costs.items())),
            "first_at": None if self.first_at is None else self.first_at.isoformat(),
            "gap_hours": self.gap_hours,
            "length_cost": self.length_cost,
            "zone": self.zone,
            "residual_change": self.residual_change,
        }

    @classmethod
    def from_data(cls, customer_id: str, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_data`; what else the data hold is not read."""
        return cls(
            customer_id=customer_id,
            constraints=Constraints.from_data(data["constraints"]),
            margin=data["margin"],
            touch_costs=data["touch_costs"],
            first_at=None if data["first_at"] is None else datetime.fromisoformat(data["first_at"]),
            gap_hours=data["gap_hours"],
            length_cost=data.get("length_cost", 0.0),  # absent in what was written before there were any
            zone=data.get("zone"),
            residual_change=data.get("residual_change", 0.0),
        )


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
    expected_value: float  # (probability - probability_without) x (margin + residual change) - expected cost
    expected_cost: float  # of the touches that are sent, which they are not after a conversion
    optimality_gap: float | None  # no plan betters it by more, length costs counted, by this model; 0: none at all
    evidence: Evidence  # what the log behind the model can prove
    model: str  # kind of the model

    def figures(self) -> dict[str, Any]:
        """What the plan as a whole comes to, by the names above."""
        return {
            "probability": self.probability,
            "probability_low": self.probability_low,
            "probability_high": self.probability_high,
            "probability_without": self.probability_without,
            "expected_value": self.expected_value,
            "expected_cost": self.expected_cost,
            "optimality_gap": self.optimality_gap,
            "evidence": self.evidence,
        }
