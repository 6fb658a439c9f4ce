"""SimulateScenario: the request checked, and the answer made."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from farview.v1 import forecast_pb2 as pb
from ltv.scenarios import LARGEST_ELASTICITY, LARGEST_FACTOR, Change, Effect, summary
from server.convert.fields import Day, OptionalId
from server.convert.forecast_requests import MAX_HORIZON_DAYS, served_day
from server.convert.parse import Parsed, parse

DEFAULT_HORIZON_DAYS = 365

Factor = Annotated[float, Field(ge=0, le=LARGEST_FACTOR)]


class ScenarioChange(Parsed):
    """What is scaled."""

    churn: Factor = 1.0
    purchase_rate: Factor = 1.0
    spend: Factor = 1.0
    price: Annotated[float, Field(gt=0, le=LARGEST_FACTOR)] = 1.0
    elasticity: Annotated[float, Field(ge=-LARGEST_ELASTICITY, le=LARGEST_ELASTICITY)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ScenarioChange) -> dict[str, float]:
        return {field.name: value for field, value in message.ListFields()}

    def change(self) -> Change:
        """As the scenario reads it."""
        return Change(**self.model_dump())


def _some_change(message: pb.ScenarioChange | None) -> pb.ScenarioChange:
    if message is None:
        raise ValueError("is not set; say what is scaled, for example {churn: 0.9}")
    return message


class SimulateScenario(Parsed):
    """The filter is read by the service. `as_of_date` None: the last event's day; `model_version` "": the champion."""

    change: Annotated[ScenarioChange, BeforeValidator(_some_change)]
    filter: str
    horizon_days: Annotated[
        int, Field(ge=0, le=MAX_HORIZON_DAYS), AfterValidator(lambda days: days or DEFAULT_HORIZON_DAYS)
    ]
    as_of_date: Annotated[Day, AfterValidator(served_day)]
    model_version: OptionalId


def simulate_scenario(message: pb.SimulateScenarioRequest) -> SimulateScenario:
    """The checked request; InvalidInput names the wrong fields."""
    fields: dict[str, Any] = {
        "change": message.change if message.HasField("change") else None,
        "filter": message.filter,
        "horizon_days": message.horizon_days,
        "as_of_date": message.as_of_date if message.HasField("as_of_date") else None,
        "model_version": message.model_version,
    }
    return parse(SimulateScenario, fields)


def effects(found: Effect, currency: str) -> dict[str, pb.ScenarioEffect]:
    """The answer's effects on purchases and on value, by field."""
    return {
        name: pb.ScenarioEffect(
            currency_code=code,
            before=_total(found.before[k]),
            after=_total(found.after[k]),
            difference=_total(found.after[k] - found.before[k]),
        )
        for k, (name, code) in enumerate({"purchases": "", "value": currency}.items())
    }


def _total(draws: NDArray[np.float64]) -> pb.ScenarioTotal:
    return pb.ScenarioTotal(**summary(draws))
