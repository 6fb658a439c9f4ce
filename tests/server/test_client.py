"""The client: readable calls, errors that name the field, retries within the deadline."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import grpc
import pytest

from farview.client import CallFailed, FarviewClient, Floor, Order, Purchase, Transaction
from farview.v1 import forecast_pb2, forecast_pb2_grpc
from tests.server.conftest import AS_OF, CUSTOMERS, Running


def test_a_forecast_is_read_by_its_horizon(client: FarviewClient) -> None:
    customer_id = client.prioritize(1).customers[0].customer_id
    forecast = client.forecast(customer_id)
    assert forecast.at(90).value.mean < forecast.at(273).value.mean
    assert forecast.model_version == "ltv-revenue/1"


def test_a_missing_horizon_says_which_there_are(client: FarviewClient) -> None:
    customer_id = client.prioritize(1).customers[0].customer_id
    with pytest.raises(KeyError, match=r"there are \[90, 273\]"):
        client.forecast(customer_id).at(30)


def test_listing_walks_all_pages(client: FarviewClient) -> None:
    assert len({one.forecast.customer_id for one in client.list_forecasts(page_size=90)}) == CUSTOMERS


def test_many_forecasts_come_by_customer(client: FarviewClient) -> None:
    ids = [one.forecast.customer_id for one in client.list_forecasts()]
    found = client.forecasts([*ids, "nobody"])
    assert sorted(found) == sorted(ids)


def test_totals_begin_with_the_base(client: FarviewClient) -> None:
    assert client.totals(90)[0].customer_count == CUSTOMERS


def test_a_history_is_scored(client: FarviewClient) -> None:
    purchase = Purchase(datetime(1997, 3, 1, tzinfo=UTC), Decimal("11.77"), "USD")
    scored = client.score({"a": [purchase]}, as_of=AS_OF, horizon_days=[30])
    assert scored["a"].at(30).purchases.mean > 0


def test_an_audience_keeps_a_floor(client: FarviewClient) -> None:
    march = Floor("march", 'first_purchase_date >= "1997-03-01"', share=0.5)
    audience = client.prioritize(20, 'first_purchase_date < "1998-01-01"', [march], order=Order(quantile=0.1, seed=3))
    assert audience.floors[0].kept_count >= 10


def test_an_audience_of_nobody_is_an_error_and_not_everybody(client: FarviewClient) -> None:
    with pytest.raises(CallFailed, match=r"customers.customer_ids: is empty"):
        client.prioritize(20, [])


def test_a_refusal_names_the_fields(client: FarviewClient) -> None:
    with pytest.raises(CallFailed) as caught:
        client.prioritize(0, floors=[Floor("x", "cohort = 1", share=2.0)])
    assert [violation.field for violation in caught.value.violations] == ["capacity", "floors[0].share"]
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.request_id


@pytest.mark.parametrize("amount", ["0", "12.345678", "-0.5", "-12.345678", "8999999999.999999"])
def test_amounts_are_sent_exactly(writing: Running, amount: str) -> None:
    with FarviewClient(writing.address) as client:
        purchase = Purchase(datetime(1998, 7, 1, tzinfo=UTC), Decimal(amount), "USD")
        assert client.record([Transaction("new", purchase, "t1")]).new_count == 1
        assert client.record([Transaction("new", purchase, "t1")]).unchanged_count == 1


def test_a_time_without_zone_is_refused_before_it_is_sent(client: FarviewClient) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        client.score({"a": [Purchase(datetime(1997, 3, 1), Decimal(1), "USD")]})


def test_models_are_listed_shown_and_promoted(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        name = next(client.model_versions()).model_version
        answer = client.promote(name, expected_champion=name, reason="still the best")
        assert client.model_version(name) == answer.model_version


class Flaky(forecast_pb2_grpc.ForecastServiceServicer):
    """Unavailable twice, then well."""

    def __init__(self) -> None:
        self.calls = 0

    def GetForecast(  # noqa: N802
        self, request: forecast_pb2.GetForecastRequest, context: grpc.ServicerContext
    ) -> forecast_pb2.GetForecastResponse:
        self.calls += 1
        if self.calls < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
        return forecast_pb2.GetForecastResponse()


def test_what_is_unavailable_is_tried_again() -> None:
    server, flaky = grpc.server(ThreadPoolExecutor(1)), Flaky()
    forecast_pb2_grpc.add_ForecastServiceServicer_to_server(flaky, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with FarviewClient(f"127.0.0.1:{port}") as client:
        client.forecast("a")
    server.stop(None).wait()
    assert flaky.calls == 3


def test_the_deadline_ends_a_call_that_nobody_answers() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")  # bound, never started
    began = time.monotonic()
    with FarviewClient(f"127.0.0.1:{port}", timeout_seconds=0.3) as client, pytest.raises(CallFailed) as caught:
        client.forecast("a")
    assert caught.value.code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    assert time.monotonic() - began < 3
    server.stop(None)
