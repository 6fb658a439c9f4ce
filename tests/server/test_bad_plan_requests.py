"""Every rule that a request of JourneyService may break is INVALID_ARGUMENT and names the field."""

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from farview.v1 import journey_pb2 as pb
from tests.server.conftest import Running
from tests.server.journeys import CHANNELS, EVENING, learnt, planning_all, request, stub
from tests.server.refusals import fields, refused

__all__ = ["learnt", "planning_all"]

USD = Money(currency_code="USD", units=1)
NAME = CHANNELS[0]
PRESENT = round(EVENING.timestamp())


def rules(**changes: Any) -> Message:
    return request(constraints=changes)


def spots(kind: str, *changed: dict[str, Any]) -> Message:
    return rules(**{kind: [{"position": n + 1, "channel": NAME, **spot} for n, spot in enumerate(changed)]})


def caps(*changed: dict[str, Any]) -> Message:
    return rules(channel_caps=[{"channel": NAME, "max_touches": 1, **cap} for cap in changed])


def windows(*changed: dict[str, Any]) -> Message:
    day = Duration(seconds=86_400)
    return rules(window_caps=[{"channel": NAME, "max_touches": 1, "window": day, **cap} for cap in changed])


def quiet(start: dict[str, int], end: dict[str, int]) -> Message:
    return rules(quiet_hours={"start_time": start, "end_time": end})


def costs(*changed: dict[str, Any]) -> Message:
    return request(touch_costs=[{"channel": NAME, "cost": USD, **cost} for cost in changed])


def many(rows: int) -> list[dict[str, Any]]:
    return [{"channel": f"channel {n}"} for n in range(rows)]


GET, LIST = pb.GetPlanRequest, pb.ListPlansRequest

BAD: list[tuple[str, Message]] = [
    ("request_id", request("")),
    ("residual_value_change", request(residual_value_change={"currency_code": "USD", "units": -501})),
    ("residual_value_change.currency_code", request(residual_value_change={"currency_code": "EUR", "units": 1})),
    ("request_id", request("x" * 129)),
    ("customer_id", request(customer_id="")),
    ("customer_id", request(customer_id="x" * 257)),
    ("customer_id", request(customer_id="a\0b")),
    ("constraints.max_touches", rules(max_touches=-1)),
    ("constraints.max_touches", rules(max_touches=101)),
    ("constraints.min_touches", rules(min_touches=-1)),
    ("constraints.min_touches", rules(min_touches=101)),
    ("constraints.fixed_touches", spots("fixed_touches", {}, {"position": 1})),
    ("constraints.fixed_touches", spots("fixed_touches", *([{}] * 101))),
    ("constraints.fixed_touches[1].position", spots("fixed_touches", {}, {"position": 0})),
    ("constraints.fixed_touches[1].position", spots("fixed_touches", {}, {"position": 101})),
    ("constraints.fixed_touches[1].channel", spots("fixed_touches", {}, {"channel": ""})),
    ("constraints.fixed_touches[1].channel", spots("fixed_touches", {}, {"channel": "fax"})),
    ("constraints.forbidden_touches", spots("forbidden_touches", {}, {"position": 1})),
    ("constraints.forbidden_touches", spots("forbidden_touches", *([{}] * 1_001))),
    ("constraints.forbidden_touches[0].position", spots("forbidden_touches", {"position": 0})),
    ("constraints.forbidden_touches[0].channel", spots("forbidden_touches", {"channel": "x" * 257})),
    ("constraints.forbidden_touches[0].channel", spots("forbidden_touches", {"channel": "fax"})),
    ("constraints.channel_caps", caps({}, {})),
    ("constraints.channel_caps", caps(*many(101))),
    ("constraints.channel_caps[0].channel", caps({"channel": ""})),
    ("constraints.channel_caps[1].channel", caps({}, {"channel": "fax"})),
    ("constraints.channel_caps[0].max_touches", caps({"max_touches": -1})),
    ("constraints.channel_caps[0].max_touches", caps({"max_touches": 101})),
    ("constraints.window_caps", windows(*([{}] * 21))),
    ("constraints.window_caps[1].channel", windows({}, {"channel": "fax"})),
    ("constraints.window_caps[0].max_touches", windows({"max_touches": -1})),
    ("constraints.window_caps[0].max_touches", windows({"max_touches": 101})),
    ("constraints.window_caps[0].window", windows({"window": None})),
    ("constraints.window_caps[0].window", windows({"window": Duration(seconds=59)})),
    ("constraints.budget", rules(budget=Money(currency_code="USD", units=-1))),
    ("constraints.budget.currency_code", rules(budget=Money(currency_code="EUR", units=1))),
    ("constraints.quiet_hours.start_time", quiet({"hours": 24}, {"hours": 8})),
    ("constraints.quiet_hours.end_time", quiet({"hours": 21}, {"hours": 8, "seconds": 1})),
    ("constraints.quiet_hours.end_time", quiet({"hours": 8}, {"hours": 8})),
    ("length_cost", request(length_cost=Money(currency_code="USD", units=-1))),
    ("conversion_margin", request(conversion_margin=Money(currency_code="USD", units=-1))),
    ("conversion_margin.currency_code", request(conversion_margin=Money(currency_code="EUR", units=1))),
    ("conversion_margin.units", request(conversion_margin=Money(currency_code="USD", units=9_000_000_000))),
    ("conversion_margin.nanos", request(conversion_margin=Money(currency_code="USD", nanos=1))),
    ("touch_costs", costs({}, {})),
    ("touch_costs", costs(*many(101))),
    ("touch_costs[1].channel", costs({}, {"channel": "fax"})),
    ("touch_costs[0].cost", costs({"cost": None})),
    ("touch_costs[0].cost", costs({"cost": Money(currency_code="USD", nanos=-1_000)})),
    ("touch_costs[0].cost.currency_code", costs({"cost": Money(units=1)})),
    ("plan_time", request(plan_time=Timestamp(seconds=-1))),
    ("plan_time", request(plan_time=Timestamp(nanos=-1))),
    ("plan_time", request(plan_time=Timestamp(seconds=7_258_118_400))),
    ("plan_time", request(plan_time=Timestamp(seconds=10**12))),
    ("first_touch_time", request(first_touch_time=Timestamp(seconds=PRESENT - 1))),
    ("first_touch_time", request(first_touch_time=Timestamp(seconds=PRESENT + 366 * 86_400 + 1))),
    ("first_touch_time", request(plan_time=None, first_touch_time=Timestamp(seconds=PRESENT))),
    ("gap", request(gap=Duration())),
    ("gap", request(gap=Duration(seconds=59, nanos=999_999_999))),
    ("gap", request(gap=Duration(seconds=366 * 86_400, nanos=1_000))),
    ("gap", request(gap=Duration(seconds=-3_600))),
    ("gap", request(gap=Duration(seconds=3_600, nanos=-1))),
    ("gap", request(gap=Duration(seconds=3_600, nanos=1_000_000_000))),
    ("consent_purpose", request(consent_purpose="x" * 257)),
    ("plan_id", GET()),
    ("plan_id", GET(plan_id="1" * 257)),
    ("page_size", LIST(page_size=1_001)),
    ("page_size", LIST(page_size=-1)),
    ("page_token", LIST(page_token="?")),
    ("customer_id", LIST(customer_id="x" * 257)),
]


@pytest.mark.parametrize(("field", "message"), BAD, ids=[f"{i}-{type(m).__name__}-{f}" for i, (f, m) in enumerate(BAD)])
def test_bad_request_names_the_field(planning_all: Running, field: str, message: Message) -> None:
    method = getattr(stub(planning_all), type(message).__name__.removesuffix("Request"))
    error = refused(lambda: method(message))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), error.details()


def test_every_wrong_field_of_a_request_is_named_at_once(planning_all: Running) -> None:
    message = request("", constraints={"max_touches": 101}, first_touch_time=Timestamp(), gap=Duration())
    error = refused(lambda: stub(planning_all).PlanJourney(message))
    assert fields(error) == ["request_id", "constraints.max_touches", "first_touch_time", "gap"]


def test_every_unknown_channel_is_named_with_those_there_are(planning_all: Running) -> None:
    message = request(
        constraints={"channel_caps": [{"channel": "fax"}]}, touch_costs=[{"channel": "telex", "cost": USD}]
    )
    error = refused(lambda: stub(planning_all).PlanJourney(message))
    assert fields(error) == ["constraints.channel_caps[0].channel", "touch_costs[0].channel"]
    assert ", ".join(CHANNELS) in error.details()


def test_a_page_token_of_other_fields_is_refused(planning_all: Running) -> None:
    for number in range(2):
        stub(planning_all).PlanJourney(request(f"page {number}"))
    token = stub(planning_all).ListPlans(LIST(page_size=1)).next_page_token
    error = refused(lambda: stub(planning_all).ListPlans(LIST(page_size=1, page_token=token, customer_id="a")))
    assert fields(error) == ["page_token"]
