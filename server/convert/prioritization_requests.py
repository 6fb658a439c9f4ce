"""Requests of PrioritizationService, checked."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from farview.core.errors import InvalidInput
from farview.store.promises import Cap, Contact
from farview.v1 import prioritization_pb2 as pb
from server.convert.fields import (
    Distinct,
    Id,
    Name,
    OptionalId,
    RequestId,
    Seed,
    Surroundings,
    counted,
    distinct,
    known_value,
)
from server.convert.forecast_requests import MAX_HORIZON_DAYS
from server.convert.parse import Parsed, parse
from server.convert.score_requests import ScoreFields

MAX_CAPACITY = 10_000
MAX_CANDIDATES = 20_000
MAX_FLOORS = 16
MAX_CAPS = 8
MAX_CONTACTS = 1_000
MAX_RESERVATION_MINUTES = 43_200
DEFAULT_RESERVATION_MINUTES = 1_440
DEFAULT_PURPOSE = "marketing"


class Candidates(Parsed):
    """Customers by name."""

    customer_ids: Annotated[tuple[Id, ...], counted(1, MAX_CANDIDATES), Distinct]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.CustomerList) -> dict[str, Any]:
        return {"customer_ids": tuple(message.customer_ids)}


class ExposureFloor(Parsed):
    """A floor of this list. The filter is compiled by the service, which knows the fields."""

    floor_id: Name
    cohort_filter: Annotated[str, StringConstraints(min_length=1)]
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ExposureFloor) -> dict[str, Any]:
        return {"floor_id": message.floor_id, "cohort_filter": message.cohort_filter, "share": message.share}


def _distinct_names(floors: tuple[ExposureFloor, ...]) -> tuple[ExposureFloor, ...]:
    distinct([floor.floor_id for floor in floors])
    return floors


class ContactCap(Parsed):
    """At most so many contacts within the last days."""

    max_contacts: Annotated[int, Field(ge=1, le=MAX_CONTACTS)]
    window_days: Annotated[int, Field(ge=1, le=MAX_HORIZON_DAYS)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ContactCap) -> dict[str, Any]:
        return {"max_contacts": message.max_contacts, "window_days": message.window_days}


class ContactFields(Parsed):
    """What is to be allowed; `channel` "": none in particular."""

    channel: OptionalId
    purpose: OptionalId

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Contact) -> dict[str, Any]:
        return {"channel": message.channel, "purpose": message.purpose or DEFAULT_PURPOSE}


class PrioritizeCustomers(Parsed):
    """An audience to choose. None of `filter`, `customers`, `segment_id`: everyone. `horizon_days` 0: the longest."""

    filter: str
    customers: Candidates | None
    segment_id: Name | None
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)]
    horizon_days: Annotated[int, Field(ge=0, le=MAX_HORIZON_DAYS)]
    score: ScoreFields
    floors: Annotated[tuple[ExposureFloor, ...], counted(0, MAX_FLOORS), AfterValidator(_distinct_names)]
    on_shortfall: Annotated[int, known_value(pb.ShortfallPolicy)]
    seed: Seed | None
    guarantee_ids: Annotated[tuple[Name, ...], counted(0, MAX_FLOORS), Distinct]
    request_id: RequestId | None
    reservation_minutes: Annotated[int, Field(ge=1, le=MAX_RESERVATION_MINUTES)]
    contact: ContactFields
    caps: Annotated[tuple[ContactCap, ...], counted(0, MAX_CAPS)]
    exposure_unit: Annotated[int, known_value(pb.ExposureUnit)]

    @property
    def by_attention(self) -> bool:
        """Whether floors are shares of attention, not of places; the default."""
        return self.exposure_unit == pb.EXPOSURE_UNIT_ATTENTION

    @property
    def refuse(self) -> bool:
        """Whether an infeasible request fails; the default."""
        return self.on_shortfall != pb.SHORTFALL_POLICY_REPORT

    @property
    def contacted(self) -> Contact:
        """What the customers must allow, and how often they may be contacted."""
        caps = [Cap(cap.max_contacts, cap.window_days) for cap in self.caps]
        return Contact(self.contact.channel or None, self.contact.purpose, caps)


def prioritize_customers(message: pb.PrioritizeCustomersRequest, around: Surroundings) -> PrioritizeCustomers:
    """The checked request; InvalidInput names the wrong fields."""
    asked = parse(PrioritizeCustomers, fields_of(message), around)
    _check_guaranteed(message)
    check_unit(message)
    return asked


def check_unit(message: pb.PrioritizeCustomersRequest, path: str = "") -> None:
    """Refuses attention where nothing is promised of it."""
    if message.exposure_unit == pb.EXPOSURE_UNIT_ATTENTION and not message.floors:
        why = "guarantees have a unit of their own" if message.guarantee_ids else "nothing is promised without floors"
        raise InvalidInput.of(f"{path}exposure_unit", f"is ATTENTION, and {why} (leave it out, or send floors)")


def fields_of(message: pb.PrioritizeCustomersRequest) -> dict[str, Any]:
    """What `PrioritizeCustomers` is checked from."""
    chosen = message.WhichOneof("candidates")
    return {
        "filter": message.filter,
        "customers": message.customers if chosen == "customers" else None,
        "segment_id": message.segment_id if chosen == "segment_id" else None,
        "capacity": message.capacity,
        "horizon_days": message.horizon_days,
        "score": message.score,
        "floors": tuple(message.floors),
        "on_shortfall": message.on_shortfall,
        "seed": message.seed if message.HasField("seed") else None,
        "guarantee_ids": tuple(message.guarantee_ids),
        "request_id": message.request_id if message.request_id or message.guarantee_ids else None,
        "reservation_minutes": message.reservation_minutes or DEFAULT_RESERVATION_MINUTES,
        "contact": message.contact,
        "caps": tuple(message.caps),
        "exposure_unit": message.exposure_unit,
    }


def _check_guaranteed(message: pb.PrioritizeCustomersRequest) -> None:
    """Fields that belong to guarantees, or do not go with them."""
    if message.score.thompson.include_propensities:
        for field in ("floors", "guarantee_ids"):
            if getattr(message, field):
                raise InvalidInput.of(field, "decide places otherwise than draws do (leave out include_propensities)")
        if message.score.factors or message.score.HasField("fatigue"):
            raise InvalidInput.of("score", "factors and fatigue do not go with include_propensities (leave one out)")
    if message.guarantee_ids and message.floors:
        raise InvalidInput.of(
            "floors", "cannot be sent with guarantee_ids (set the floor as a guarantee of the ledger)"
        )
    if message.guarantee_ids:
        return
    for field in ("request_id", "reservation_minutes"):
        if getattr(message, field):
            raise InvalidInput.of(field, "belongs to guarantee_ids: without them nothing is written (leave it out)")
