"""Every rule that a request may break is INVALID_ARGUMENT and names the field as the caller wrote it."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from farview.v1 import feedback_pb2, forecast_pb2, items_pb2, model_pb2, prioritization_pb2
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

USD = Money(currency_code="USD", units=10)
THEN = Timestamp(seconds=860_000_000)
BOUGHT = forecast_pb2.HistoricTransaction(transaction_time=THEN, amount=USD)
HISTORY = forecast_pb2.CustomerHistory(customer_id="a", transactions=[BOUGHT])


def batch(**changes: Any) -> Message:
    return forecast_pb2.BatchGetForecastsRequest(**{"customer_ids": ["a"], **changes})


def score(**changes: Any) -> Message:
    return forecast_pb2.ScoreCustomersRequest(**{"histories": [HISTORY], **changes})


def score_one(**changes: Any) -> Message:
    bought = {"transaction_time": THEN, "amount": USD, **changes}
    return score(histories=[{"customer_id": "a", "transactions": [BOUGHT, bought]}])


def audience(**changes: Any) -> Message:
    return prioritization_pb2.PrioritizeCustomersRequest(**{"capacity": 5, **changes})


def floors(*changed: dict[str, Any]) -> Message:
    whole = {"floor_id": "recent", "cohort_filter": 'cohort = "1997-03"', "share": 0.1}
    return audience(floors=[{**whole, "floor_id": "first"}, *({**whole, **floor} for floor in changed)])


ITEM = {"item_id": "a", "price": 10.0, "purchase_probability": 0.1, "values": [0.5, 2.0]}
REVENUE = {"expected_revenue": {}}


def ranking(**changes: Any) -> Message:
    whole = {
        "items": [{**ITEM, "item_id": name} for name in "abc"],
        "value_names": ["relevance", "margin"],
        "blend": {"rank_product": {"objectives": [{"name": "relevance"}, {"name": "price"}]}},
    }
    return items_pb2.RankItemsRequest(**{**whole, **changes})


def ranking_of_one(changed: dict[str, Any], **changes: Any) -> Message:
    return ranking(items=[{**ITEM, "item_id": "first"}, {**ITEM, **changed}], **changes)


def objectives(*changed: dict[str, Any]) -> Message:
    return ranking(blend={"rank_product": {"objectives": [{"name": "margin", **objective} for objective in changed]}})


def record(**changes: Any) -> Message:
    sale = {"customer_id": "a", "transaction_time": THEN, "amount": USD, **changes}
    return feedback_pb2.RecordTransactionsRequest(request_id="r", transactions=[sale])


def sales(**changes: Any) -> Message:
    sale = {"customer_id": "a", "transaction_time": THEN, "amount": USD, "transaction_id": "t"}
    return feedback_pb2.RecordTransactionsRequest(**{"request_id": "r", "transactions": [sale], **changes})


def touchpoints(**changes: Any) -> Message:
    touch = {"channel": "email", "interaction": "click"}
    point = {"customer_id": "a", "touchpoint_time": THEN, "touchpoint_id": "t", "touch": touch}
    return feedback_pb2.RecordTouchpointsRequest(**{"request_id": "r", "touchpoints": [point], **changes})


def touchpoint(**changes: Any) -> Message:
    return touchpoints(touchpoints=[{"customer_id": "a", "touchpoint_time": THEN, **changes}])


def touch_of(**changes: Any) -> Message:
    return touchpoint(**{"touch": {"channel": "email", "interaction": "click"}, **changes})


def touch(**changes: Any) -> Message:
    return touch_of(touch={"channel": "email", "interaction": "click", **changes})


def exposures(**changes: Any) -> Message:
    whole = {"request_id": "r", "feedback_token": "unread", "exposures": [{"place": 1, "exposure_time": THEN}]}
    return feedback_pb2.RecordExposuresRequest(**{**whole, **changes})


def exposure(**changes: Any) -> Message:
    return exposures(exposures=[{"place": 1, "exposure_time": THEN, **changes}])


def promote(**changes: Any) -> Message:
    whole = {"request_id": "r", "model_version": "ltv-revenue/1", "expected_champion": "ltv-revenue/1", "reason": "why"}
    return model_pb2.PromoteModelVersionRequest(**{**whole, **changes})


GET, LIST = forecast_pb2.GetForecastRequest, forecast_pb2.ListForecastsRequest
MONEY = {"currency_code": "USD"}

BAD: list[tuple[str, Message]] = [
    ("customer_id", GET()),
    ("customer_id", GET(customer_id="x" * 257)),
    ("customer_id", GET(customer_id="a\0b")),
    ("horizon_days[0]", GET(customer_id="a", horizon_days=[91])),
    ("horizon_days[1]", GET(customer_id="a", horizon_days=[90, -1])),
    ("horizon_days", GET(customer_id="a", horizon_days=[90, 90])),
    ("forecast_run_id", GET(customer_id="a", forecast_run_id="x" * 257)),
    ("customer_ids", batch(customer_ids=[])),
    ("customer_ids", batch(customer_ids=["a", "b", "a"])),
    ("customer_ids", batch(customer_ids=[str(i) for i in range(1_001)])),
    ("customer_ids[1]", batch(customer_ids=["a", ""])),
    ("page_size", LIST(page_size=1_001)),
    ("page_size", LIST(page_size=-1)),
    ("page_token", LIST(page_token="bm90IGEgdG9rZW4=")),
    ("page_token", LIST(page_token="§")),
    ("filter", LIST(filter="cohort = ")),
    ("filter", LIST(filter="shoe_size > 40")),
    ("filter", LIST(filter="horizon_days = 90")),
    ("filter", LIST(filter='value_mean > "much"')),
    ("filter", LIST(filter="x" * 4_097)),
    ("order_by", LIST(order_by="shoe_size")),
    ("order_by", LIST(order_by="p_alive")),
    ("order_by", LIST(order_by="value_mean downwards")),
    ("horizon_days", LIST(horizon_days=91)),
    ("horizon_days", LIST(horizon_days=-1)),
    ("histories", score(histories=[])),
    ("histories", score(histories=[HISTORY, HISTORY])),
    ("histories[0].customer_id", score(histories=[{"transactions": [BOUGHT]}])),
    ("histories[0].transactions", score(histories=[{"customer_id": "a"}])),
    ("histories", score(histories=[{"customer_id": "a", "transactions": [BOUGHT] * 100_001}])),
    ("histories[0].transactions[1].transaction_time", score_one(transaction_time=None)),
    ("histories[0].transactions[1].transaction_time", score_one(transaction_time=Timestamp(seconds=-1))),
    ("histories[0].transactions[1].transaction_time", score_one(transaction_time=Timestamp(seconds=10**14))),
    ("histories[0].transactions[1].transaction_time", score_one(transaction_time=Timestamp(seconds=1, nanos=-1))),
    ("histories[0].transactions[1].amount", score_one(amount=None)),
    ("histories[0].transactions[1].amount.currency_code", score_one(amount=Money(currency_code="EUR", units=1))),
    ("histories[0].transactions[1].amount.currency_code", score_one(amount=Money(units=1))),
    ("as_of_date", score(as_of_date=Date(year=1997, month=2, day=30))),
    ("as_of_date", score(as_of_date=Date(year=1997))),
    ("as_of_date", score(as_of_date=Date(year=2200, month=1, day=1))),
    ("horizon_days[0]", score(horizon_days=[3_651])),
    ("horizon_days", score(horizon_days=range(1, 12))),
    ("capacity", audience(capacity=0)),
    ("capacity", audience(capacity=10_001)),
    ("filter", audience(filter="value_mean >")),
    ("customers.customer_ids", audience(customers={})),
    ("customers.customer_ids", audience(customers={"customer_ids": ["a", "a"]})),
    ("customers.customer_ids[0]", audience(customers={"customer_ids": [""]})),
    ("horizon_days", audience(horizon_days=91)),
    ("score.quantile.level", audience(score={"quantile": {"level": 0.3}})),
    ("score.quantile.level", audience(score={"quantile": {}})),
    ("score.quantile.level", audience(score={"quantile": {"level": float("nan")}})),
    ("on_shortfall", audience(on_shortfall=17)),
    ("seed", audience(seed=-1)),
    ("floors[1].share", floors({"share": 0.0})),
    ("floors[1].share", floors({"share": 1.5})),
    ("floors[1].share", floors({"share": float("nan")})),
    ("floors[1].floor_id", floors({"floor_id": ""})),
    ("floors[1].floor_id", floors({"floor_id": "New Customers"})),
    ("floors[1].cohort_filter", floors({"cohort_filter": ""})),
    ("floors[1].cohort_filter", floors({"cohort_filter": "cohort == 3"})),
    ("floors", floors({"floor_id": "first"})),
    ("floors", floors(*({"floor_id": f"f{i}"} for i in range(16)))),
    ("items", ranking(items=[])),
    ("items", ranking(items=[{**ITEM, "item_id": str(i)} for i in range(1_001)])),
    ("items[2].item_id", ranking(items=[{**ITEM, "item_id": name} for name in "aba"])),
    ("items[1].item_id", ranking_of_one({"item_id": ""})),
    ("items[1].item_id", ranking_of_one({"item_id": "x" * 257})),
    ("items[1].item_id", ranking_of_one({"item_id": "a\0b"})),
    ("items[1].price", ranking_of_one({"price": -0.01})),
    ("items[1].price", ranking_of_one({"price": float("nan")})),
    ("items[1].price", ranking_of_one({"price": float("inf")})),
    ("items[1].price", ranking_of_one({"price": 9_000_000_000.5})),
    ("items[1].price", ranking_of_one({"price": -1.0}, blend=REVENUE)),
    ("items[1].price", ranking_of_one({"price": None})),
    ("items[1].price", ranking_of_one({"price": None}, blend=REVENUE)),
    ("items[1].price", ranking_of_one({"price": 0.99}, blend={"expected_revenue": {"price_function": 2}})),
    ("items[1].purchase_probability", ranking_of_one({"purchase_probability": None}, blend=REVENUE)),
    ("items[1].purchase_probability", ranking_of_one({"purchase_probability": 1.01})),
    ("items[1].purchase_probability", ranking_of_one({"purchase_probability": -0.01})),
    ("items[1].purchase_probability", ranking_of_one({"purchase_probability": float("nan")})),
    ("items[1].values", ranking_of_one({"values": [1.0]})),
    ("items[1].values", ranking_of_one({"values": [1.0, 2.0, 3.0]})),
    ("items[1].values[1]", ranking_of_one({"values": [1.0, float("nan")]})),
    ("items[1].values[0]", ranking_of_one({"values": [float("-inf"), 1.0]})),
    ("items[1].values[0]", ranking_of_one({"values": [2e18, 1.0]})),
    ("value_names", ranking(value_names=["margin", "margin"])),
    ("value_names", ranking(value_names=[f"v{i}" for i in range(17)])),
    ("value_names[1]", ranking(value_names=["relevance", ""])),
    ("value_names[1]", ranking(value_names=["relevance", "x" * 64])),
    ("value_names[1]", ranking(value_names=["relevance", "Margin %"])),
    ("value_names[1]", ranking(value_names=["relevance", "price"])),
    ("value_names[1]", ranking(value_names=["relevance", "purchase_probability"])),
    ("blend", ranking(blend=None)),
    ("blend", ranking(blend={})),
    ("blend.rank_product.objectives", objectives()),
    ("blend.rank_product.objectives", objectives({}, {})),
    ("blend.rank_product.objectives", objectives(*({"name": f"v{i}"} for i in range(17)))),
    ("blend.rank_product.objectives", objectives({"weight": 0.0}, {"name": "price", "weight": 0.0})),
    ("blend.rank_product.objectives[1].name", objectives({}, {"name": "shoe_size"})),
    ("blend.rank_product.objectives[1].name", objectives({}, {"name": ""})),
    ("blend.rank_product.objectives[0].weight", objectives({"weight": -1.0})),
    ("blend.rank_product.objectives[0].weight", objectives({"weight": float("nan")})),
    ("blend.rank_product.objectives[0].weight", objectives({"weight": 1_000_001.0})),
    ("blend.rank_product.objectives[0].bin_width", objectives({"bin_width": 0.0})),
    ("blend.rank_product.objectives[0].bin_width", objectives({"bin_width": float("inf")})),
    ("blend.expected_revenue.price_function", ranking(blend={"expected_revenue": {"price_function": 17}})),
    ("seed", ranking(seed=-1)),
    ("request_id", sales(request_id="")),
    ("request_id", sales(request_id="x" * 129)),
    ("transactions", sales(transactions=[])),
    ("transactions", sales(transactions=[{}] * 1_001)),
    ("transactions", sales(transactions=[sales().transactions[0]] * 2)),  # type: ignore[attr-defined]
    ("transactions[0].customer_id", record(customer_id="")),
    ("transactions[0].transaction_id", record(transaction_id="x" * 257)),
    ("transactions[0].transaction_time", record(transaction_time=None)),
    ("transactions[0].transaction_time", record(transaction_time=Timestamp(seconds=10**11))),
    ("transactions[0].amount", record(amount=None)),
    ("transactions[0].amount.units", record(amount=Money(units=9_000_000_000, **MONEY))),
    ("transactions[0].amount.nanos", record(amount=Money(units=1, nanos=1, **MONEY))),
    ("transactions[0].amount.nanos", record(amount=Money(units=1, nanos=-1_000, **MONEY))),
    ("transactions[0].amount.nanos", record(amount=Money(nanos=1_000_000_000, **MONEY))),
    ("request_id", touchpoints(request_id="")),
    ("touchpoints", touchpoints(touchpoints=[])),
    ("touchpoints", touchpoints(touchpoints=[{}] * 1_001)),
    ("touchpoints", touchpoints(touchpoints=[touchpoints().touchpoints[0]] * 2)),  # type: ignore[attr-defined]
    ("touchpoints[0]", touchpoint()),
    ("touchpoints[0].customer_id", touch_of(customer_id="")),
    ("touchpoints[0].touchpoint_id", touch_of(touchpoint_id="x" * 257)),
    ("touchpoints[0].touchpoint_time", touch_of(touchpoint_time=None)),
    ("touchpoints[0].touchpoint_time", touch_of(touchpoint_time=Timestamp(seconds=10**11))),
    ("touchpoints[0].touch.channel", touch(channel="")),
    ("touchpoints[0].touch.channel", touch(channel="a\0b")),
    ("touchpoints[0].touch.interaction", touch(interaction="")),
    ("touchpoints[0].touch.interaction", touch(interaction="conversion")),
    ("touchpoints[0].touch.propensity", touch(propensity=0.0)),
    ("touchpoints[0].touch.propensity", touch(propensity=1.000001)),
    ("touchpoints[0].touch.propensity", touch(propensity=float("nan"))),
    ("touchpoints[0].conversion.channel", touchpoint(conversion={"channel": "x" * 257})),
    ("touchpoints[0].conversion.value.currency_code", touchpoint(conversion={"value": Money(units=1)})),
    ("touchpoints[0].conversion.value.nanos", touchpoint(conversion={"value": Money(nanos=1, **MONEY)})),
    ("request_id", exposures(request_id="")),
    ("feedback_token", exposures(feedback_token="")),
    ("feedback_token", exposures(feedback_token="bm90IGEgdG9rZW4=.c2lnbmF0dXJl")),
    ("exposures", exposures(exposures=[])),
    ("exposures", exposures(exposures=[{}] * 1_001)),
    ("exposures", exposures(exposures=[exposures().exposures[0]] * 2)),  # type: ignore[attr-defined]
    ("exposures[0].place", exposure(place=0)),
    ("exposures[0].exposure_time", exposure(exposure_time=None)),
    ("exposures[0].exposure_time", exposure(exposure_time=Timestamp(seconds=10**11))),
    ("exposures[0].customer_id", exposure(customer_id="x" * 257)),
    ("exposures[0].item_id", exposure(item_id="a\0b")),
    ("page_token", model_pb2.ListModelVersionsRequest(page_token="?")),
    ("page_size", model_pb2.ListModelVersionsRequest(page_size=1_001)),
    ("kind", model_pb2.ListModelVersionsRequest(kind="x" * 257)),
    ("model_version", model_pb2.GetModelVersionRequest(model_version="ltv-revenue")),
    ("request_id", promote(request_id="")),
    ("model_version", promote(model_version="ltv-revenue/0")),
    ("expected_champion", promote(expected_champion="")),
    ("expected_champion", promote(expected_champion="journeys/1")),
    ("reason", promote(reason="")),
    ("reason", promote(reason="x" * 1_001)),
    ("request_id", model_pb2.RollbackModelRequest(expected_champion="ltv-revenue/1", reason="why")),
    ("expected_champion", model_pb2.RollbackModelRequest(request_id="r", reason="why")),
    ("reason", model_pb2.RollbackModelRequest(request_id="r", expected_champion="ltv-revenue/1")),
]


def method_of(running: Running, request: Message) -> Callable[[Message], Message]:
    """The method that takes this request."""
    name = type(request).__name__.removesuffix("Request")
    stubs = (running.forecasts, running.prioritization, running.feedback, running.models)
    found: Callable[[Message], Message] = next(getattr(stub, name) for stub in stubs if hasattr(stub, name))
    return found


@pytest.mark.parametrize(
    ("field", "request_message"), BAD, ids=[f"{i}-{type(m).__name__}-{f}" for i, (f, m) in enumerate(BAD)]
)
def test_bad_request_names_the_field(reading: Running, field: str, request_message: Message) -> None:
    error = refused(lambda: method_of(reading, request_message)(request_message))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), error.details()


def test_every_wrong_field_of_a_request_is_named_at_once(reading: Running) -> None:
    request = sales(
        request_id="", transactions=[{"transaction_time": THEN, "amount": Money(currency_code="euro", units=1)}]
    )
    error = refused(lambda: method_of(reading, request)(request))
    assert fields(error) == ["request_id", "transactions[0].customer_id", "transactions[0].amount.currency_code"]


def test_a_problem_says_the_mend(reading: Running) -> None:
    error = refused(lambda: reading.forecasts.GetForecast(GET(customer_id="a", horizon_days=[91])))
    assert "it has 90, 273" in error.details()


def test_a_message_of_a_thousand_wrong_rows_stays_small(reading: Running) -> None:
    request = sales(transactions=[{}] * 1_000)
    assert len(fields(refused(lambda: method_of(reading, request)(request)))) == 50
