"""Requests of PrioritizationService, checked."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from farview.core.columns import QUANTILE_LEVELS
from farview.v1 import prioritization_pb2 as pb
from server.convert.fields import Distinct, Id, Seed, counted, distinct, known_value
from server.convert.forecast_requests import MAX_HORIZON_DAYS
from server.convert.parse import Parsed, parse

MAX_CAPACITY = 10_000
MAX_CANDIDATES = 20_000
MAX_FLOORS = 16


class Candidates(Parsed):
    """Customers by name."""

    customer_ids: Annotated[tuple[Id, ...], counted(1, MAX_CANDIDATES), Distinct]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.CustomerList) -> dict[str, Any]:
        return {"customer_ids": tuple(message.customer_ids)}


def _stored_level(level: float) -> float:
    for known in QUANTILE_LEVELS:
        if abs(level - known) < 1e-9:
            return known
    raise ValueError(f"is {level:g}; it must be one of {', '.join(f'{known:g}' for known in QUANTILE_LEVELS)}")


class Quantile(Parsed):
    """A quantile of the customer's expected value."""

    level: Annotated[float, AfterValidator(_stored_level)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.QuantileScore) -> dict[str, Any]:
        return {"level": message.level}


class Score(Parsed):
    """What orders; no quantile means the mean of the expected value."""

    quantile: Quantile | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Score) -> dict[str, Any]:
        return {"quantile": message.quantile if message.WhichOneof("basis") == "quantile" else None}


def _name(floor_id: str) -> str:
    if not all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in floor_id):
        raise ValueError(f"is {floor_id!r}; only lower-case letters, digits and hyphens are allowed")
    return floor_id


class ExposureFloor(Parsed):
    """A floor of this list. The filter is compiled by the service, which knows the fields."""

    floor_id: Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(_name)]
    cohort_filter: Annotated[str, StringConstraints(min_length=1)]
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ExposureFloor) -> dict[str, Any]:
        return {"floor_id": message.floor_id, "cohort_filter": message.cohort_filter, "share": message.share}


def _distinct_names(floors: tuple[ExposureFloor, ...]) -> tuple[ExposureFloor, ...]:
    distinct([floor.floor_id for floor in floors])
    return floors


class PrioritizeCustomers(Parsed):
    """An audience to choose. Neither `filter` nor `customers`: everyone. `horizon_days` 0: the longest of the run."""

    filter: str
    customers: Candidates | None
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)]
    horizon_days: Annotated[int, Field(ge=0, le=MAX_HORIZON_DAYS)]
    score: Score
    floors: Annotated[tuple[ExposureFloor, ...], counted(0, MAX_FLOORS), AfterValidator(_distinct_names)]
    on_shortfall: Annotated[int, known_value(pb.ShortfallPolicy)]
    seed: Seed | None

    @property
    def refuse(self) -> bool:
        """Whether an infeasible request fails; the default."""
        return self.on_shortfall != pb.SHORTFALL_POLICY_REPORT


def prioritize_customers(message: pb.PrioritizeCustomersRequest) -> PrioritizeCustomers:
    """The checked request; InvalidInput names the wrong fields."""
    return parse(
        PrioritizeCustomers,
        {
            "filter": message.filter,
            "customers": message.customers if message.WhichOneof("candidates") == "customers" else None,
            "capacity": message.capacity,
            "horizon_days": message.horizon_days,
            "score": message.score,
            "floors": tuple(message.floors),
            "on_shortfall": message.on_shortfall,
            "seed": message.seed if message.HasField("seed") else None,
        },
    )
