"""A reader says how old a forecast may be."""

from collections.abc import Callable
from datetime import UTC, datetime

import grpc
import pytest

from farview.client import CallFailed, FarviewClient
from farview.v1 import forecast_pb2 as pb
from tests.server.conftest import AS_OF, Running
from tests.server.refusals import fields, refused

CALLS: dict[str, Callable[[Running, int | None], object]] = {
    "get": lambda on, days: on.forecasts.GetForecast(pb.GetForecastRequest(customer_id="0001", max_age_days=days)),
    "batch": lambda on, days: on.forecasts.BatchGetForecasts(
        pb.BatchGetForecastsRequest(customer_ids=["0001"], max_age_days=days)
    ),
    "list": lambda on, days: on.forecasts.ListForecasts(pb.ListForecastsRequest(max_age_days=days)),
}


def age_days() -> int:
    return (datetime.now(UTC).date() - AS_OF).days


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_run_older_than_asked_is_refused_and_says_how_old_it_is(
    call: Callable[[Running, int | None], object], reading: Running
) -> None:
    error = refused(lambda: call(reading, 30))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert f"as of {AS_OF}, {age_days():,} days ago, and max_age_days is 30" in error.details()


@pytest.mark.parametrize("days", [None, "its age"])
def test_a_run_of_that_age_or_any_is_answered(days: str | None, reading: Running) -> None:
    allowed = None if days is None else age_days() + 1  # midnight may pass meanwhile
    for call in CALLS.values():
        call(reading, allowed)


def test_a_run_a_day_too_old_is_refused(reading: Running) -> None:
    for call in CALLS.values():
        assert refused(lambda call=call: call(reading, age_days() - 1)).code() is grpc.StatusCode.FAILED_PRECONDITION


def test_no_age_at_all_is_not_any_age(reading: Running) -> None:
    assert refused(lambda: CALLS["list"](reading, 0)).code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_later_page_keeps_to_the_age_as_well(reading: Running) -> None:
    token = reading.forecasts.ListForecasts(pb.ListForecastsRequest(page_size=10)).next_page_token
    later = pb.ListForecastsRequest(page_size=10, page_token=token, max_age_days=1)
    assert refused(lambda: reading.forecasts.ListForecasts(later)).code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("days", [-1, 36_501])
def test_an_impossible_age_is_named(days: int, reading: Running) -> None:
    for call in CALLS.values():
        assert fields(refused(lambda call=call: call(reading, days))) == ["max_age_days"]


def test_the_client_passes_it_on(client: FarviewClient) -> None:
    for call in (
        lambda: client.forecast("0001", max_age_days=1),
        lambda: client.forecasts(["0001"], max_age_days=1),
        lambda: next(client.list_forecasts(max_age_days=1)),
    ):
        with pytest.raises(CallFailed, match="max_age_days is 1"):
            call()
