"""SimulateScenario: the totals that the command computes, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from google.type.date_pb2 import Date

from farview.client import FarviewClient
from farview.core.clock import Cut
from farview.v1 import forecast_pb2 as pb
from jobs.fit_ltv import customers_of
from jobs.scenario import ScenarioSpec, scenario
from jobs.train import train_ltv
from ltv.effects import Kinds
from ltv.model import BtydModel
from ltv.registered import load
from ltv.scenarios import Change, effect, summary
from tests.server.conftest import AS_OF, Running
from tests.server.refusals import fields, refused

RARER = pb.ScenarioChange(churn=1.5, price=1.1, elasticity=-1.0)
FEW = 'frequency >= 2 AND cohort != "1997-03"'


def totals(effect: pb.ScenarioEffect) -> dict[str, dict[str, float]]:
    return {
        state: {name: getattr(getattr(effect, state), name) for name in ("mean", "q05", "q95")}
        for state in ("before", "after", "difference")
    }


def test_the_answer_is_what_the_command_says(reading: Running) -> None:
    with FarviewClient(reading.address) as client:
        answer = client.scenario(RARER, FEW, horizon_days=90, as_of=AS_OF)
    expected = scenario(reading.store, ScenarioSpec(Change(1.5, price=1.1, elasticity=-1.0), FEW, 90, AS_OF))
    assert totals(answer.purchases) == expected["purchases"]
    assert totals(answer.value) == expected["value"]
    assert (answer.value.currency_code, answer.model_version) == ("USD", expected["model"])
    assert (answer.customer_count, answer.changed_customer_count) == (300, expected["customers_changed"])


def test_what_is_left_open_is_everybody_for_a_year_from_the_last_events_day(reading: Running) -> None:
    answer = reading.forecasts.SimulateScenario(pb.SimulateScenarioRequest(change=pb.ScenarioChange(spend=2.0)))
    last = reading.store.last_event_day()
    assert last is not None
    assert answer.as_of_date == Date(year=last.year, month=last.month, day=last.day)
    assert (answer.horizon_days, answer.changed_customer_count) == (365, answer.customer_count)
    assert answer.value.after.mean == pytest.approx(2 * answer.value.before.mean)


@pytest.mark.parametrize("asked", [{"model": "bg_bb"}, {"kinds": Kinds(pool_by="cohort")}], ids=["bg_bb", "pooled"])
def test_a_version_is_asked_about_customers_as_it_reads_them(writing: Running, asked: dict[str, Any]) -> None:
    version = train_ltv(writing.store, as_of=AS_OF, method="map", who="ada", **asked)
    with FarviewClient(writing.address) as client:
        answer = client.scenario(RARER, horizon_days=90, as_of=AS_OF, model_version=version.name)
    model = load(writing.store.artifact(version))
    assert isinstance(model, BtydModel)
    customers = customers_of(writing.store, Cut(AS_OF, datetime.now(UTC)), model)
    change = Change(1.5, price=1.1, elasticity=-1.0)
    found = effect(model, customers, change, np.ones(customers.num_rows, dtype=np.bool_), 90)
    assert totals(answer.value)["after"] == summary(found.after[1])


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.SimulateScenarioRequest(), "change"),
        (pb.SimulateScenarioRequest(change=pb.ScenarioChange(churn=-1.0)), "change.churn"),
        (pb.SimulateScenarioRequest(change=pb.ScenarioChange(spend=float("nan"))), "change.spend"),
        (pb.SimulateScenarioRequest(change=pb.ScenarioChange(price=0.0)), "change.price"),
        (pb.SimulateScenarioRequest(change=pb.ScenarioChange(elasticity=21.0)), "change.elasticity"),
        (pb.SimulateScenarioRequest(change=RARER, horizon_days=3_651), "horizon_days"),
        (pb.SimulateScenarioRequest(change=RARER, filter="p_alive > 0.5"), "filter"),
        (pb.SimulateScenarioRequest(change=RARER, as_of_date=Date(year=1969, month=1, day=1)), "as_of_date"),
        (pb.SimulateScenarioRequest(change=RARER, as_of_date=Date(year=1990, month=1, day=1)), "as_of_date"),
    ],
)
def test_a_bad_request_names_its_field(reading: Running, request_: pb.SimulateScenarioRequest, field: str) -> None:
    assert fields(refused(lambda: reading.forecasts.SimulateScenario(request_))) == [field]


def test_a_version_that_there_is_not_is_not_found(reading: Running) -> None:
    request = pb.SimulateScenarioRequest(change=RARER, model_version="ltv-revenue/99")
    assert refused(lambda: reading.forecasts.SimulateScenario(request)).code().name == "NOT_FOUND"
