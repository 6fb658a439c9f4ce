"""GetForecast, BatchGetForecasts, ListForecasts against what the store holds."""

from collections.abc import Callable

import grpc
import numpy as np
import pyarrow as pa
import pytest
from google.rpc import code_pb2

from farview.core import columns as c
from farview.core import quantile_grid
from farview.v1 import forecast_pb2 as pb
from tests.server.conftest import AS_OF, HORIZONS_DAYS, Running
from tests.server.refusals import details, refused

Stored = Callable[..., pa.Table]


@pytest.fixture(scope="module")
def customer_ids(reading: Running) -> list[str]:
    """All customers of the run, in order."""
    run = reading.store.latest_run()
    assert run is not None
    ids: list[str] = reading.store.run_table(run.run_id, 90, [c.CUSTOMER_ID]).column(c.CUSTOMER_ID).to_pylist()
    return ids


def test_get_forecast_answers_what_is_stored(reading: Running, stored: Stored, customer_ids: list[str]) -> None:
    rows = stored(customer_ids[7]).to_pylist()
    forecast = reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id=customer_ids[7])).forecast
    assert (forecast.customer_id, forecast.cohort, forecast.p_alive) == (
        rows[0][c.CUSTOMER_ID],
        rows[0][c.COHORT],
        rows[0][c.P_ALIVE],
    )
    for row, horizon in zip(rows, forecast.horizons, strict=True):
        assert horizon.horizon_days == row[c.HORIZON_DAYS]
        for measure in (c.PURCHASES, c.VALUE, c.EXPECTED_VALUE):
            for name in ("mean", "sd", *c.QUANTILE_SUFFIXES):
                assert getattr(getattr(horizon, measure), name) == row[f"{measure}_{name}"]


def test_an_answer_names_its_run_and_model(reading: Running, customer_ids: list[str]) -> None:
    run = reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id=customer_ids[0])).forecast_run
    assert run.model_version == "ltv-revenue/1"
    assert (run.as_of_date.year, run.as_of_date.month, run.as_of_date.day) == (AS_OF.year, AS_OF.month, AS_OF.day)
    assert list(run.horizon_days) == list(HORIZONS_DAYS)
    assert run.customer_count == len(customer_ids)


def test_every_amount_names_the_currency_and_no_count_does(reading: Running, customer_ids: list[str]) -> None:
    answer = reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id=customer_ids[0]))
    for horizon in answer.forecast.horizons:
        codes = (horizon.value.currency_code, horizon.expected_value.currency_code, horizon.purchases.currency_code)
        assert codes == ("USD", "USD", "")


def test_only_the_horizons_asked_for_are_answered(reading: Running, customer_ids: list[str]) -> None:
    answer = reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id=customer_ids[0], horizon_days=[273]))
    assert [horizon.horizon_days for horizon in answer.forecast.horizons] == [273]


def test_the_quantile_grid_is_opt_in(reading: Running, customer_ids: list[str]) -> None:
    answer = reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id=customer_ids[0]))
    assert not any(h.value.HasField("grid") or h.purchases.HasField("grid") for h in answer.forecast.horizons)


def test_the_quantile_grid_has_the_mean_of_the_forecast(reading: Running, customer_ids: list[str]) -> None:
    request = pb.GetForecastRequest(customer_id=customer_ids[0], include_quantile_grid=True)
    value = reading.forecasts.GetForecast(request).forecast.horizons[0].value
    law = quantile_grid.GridLaw(np.array([value.p_zero]), np.array([value.grid.values]), counts=False)
    assert quantile_grid.mean(law)[0] == pytest.approx(value.mean, rel=1e-6)
    assert list(value.grid.levels) == quantile_grid.LEVELS.tolist()


def test_an_unknown_customer_is_not_found_by_name(reading: Running) -> None:
    error = refused(lambda: reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id="nobody")))
    resource = details(error)["ResourceInfo"]
    assert (error.code(), resource.resource_name) == (grpc.StatusCode.NOT_FOUND, "nobody")  # type: ignore[attr-defined]


@pytest.mark.parametrize("run_id", ["999999", "latest", "9" * 30])
def test_an_unknown_run_is_not_found(reading: Running, customer_ids: list[str], run_id: str) -> None:
    request = pb.GetForecastRequest(customer_id=customer_ids[0], forecast_run_id=run_id)
    assert refused(lambda: reading.forecasts.GetForecast(request)).code() is grpc.StatusCode.NOT_FOUND


def test_batch_keeps_the_order_of_the_request(reading: Running, customer_ids: list[str]) -> None:
    asked = [customer_ids[5], customer_ids[2], customer_ids[9]]
    answer = reading.forecasts.BatchGetForecasts(pb.BatchGetForecastsRequest(customer_ids=asked))
    assert [result.forecast.customer_id for result in answer.results] == asked


def test_in_a_batch_an_unknown_customer_fails_alone(reading: Running, customer_ids: list[str]) -> None:
    asked = [customer_ids[5], "nobody", customer_ids[9]]
    results = reading.forecasts.BatchGetForecasts(pb.BatchGetForecastsRequest(customer_ids=asked)).results
    assert [result.WhichOneof("outcome") for result in results] == ["forecast", "error", "forecast"]
    assert (results[1].customer_id, results[1].error.code) == ("nobody", code_pb2.NOT_FOUND)


def test_batch_answers_equal_single_ones(reading: Running, customer_ids: list[str]) -> None:
    asked = customer_ids[10:20]
    batch = reading.forecasts.BatchGetForecasts(pb.BatchGetForecastsRequest(customer_ids=asked, horizon_days=[90, 273]))
    single = [reading.forecasts.GetForecast(pb.GetForecastRequest(customer_id=name)).forecast for name in asked]
    assert [result.forecast for result in batch.results] == single


def pages(reading: Running, **request: object) -> list[pb.ListForecastsResponse]:
    """All pages of a list."""
    found = [reading.forecasts.ListForecasts(pb.ListForecastsRequest(**request))]
    while found[-1].next_page_token:
        token = found[-1].next_page_token
        found.append(reading.forecasts.ListForecasts(pb.ListForecastsRequest(**request, page_token=token)))
    return found


def test_pages_together_are_the_whole_run_once(reading: Running, customer_ids: list[str]) -> None:
    listed = [forecast.customer_id for page in pages(reading, page_size=70) for forecast in page.forecasts]
    assert listed == customer_ids


def test_only_the_last_page_is_short(reading: Running, customer_ids: list[str]) -> None:
    sizes = [len(page.forecasts) for page in pages(reading, page_size=70)]
    assert sizes == [70, 70, 70, 70, len(customer_ids) - 280]


def test_a_page_has_a_hundred_forecasts_unless_said_otherwise(reading: Running) -> None:
    assert len(reading.forecasts.ListForecasts(pb.ListForecastsRequest()).forecasts) == 100


def test_a_list_is_of_the_longest_horizon_unless_said_otherwise(reading: Running) -> None:
    first = reading.forecasts.ListForecasts(pb.ListForecastsRequest()).forecasts[0]
    assert [horizon.horizon_days for horizon in first.horizons] == [273]


def test_order_by_orders_over_page_borders(reading: Running) -> None:
    listed = [
        forecast.horizons[0].expected_value.q10
        for page in pages(reading, page_size=70, order_by="expected_value_q10 desc", horizon_days=90)
        for forecast in page.forecasts
    ]
    assert listed == sorted(listed, reverse=True)


def test_filter_selects_what_it_says(reading: Running, stored: Stored, customer_ids: list[str]) -> None:
    rows = stored(*customer_ids).to_pylist()
    wanted = {
        row[c.CUSTOMER_ID]
        for row in rows
        if row[c.HORIZON_DAYS] == 90 and row[c.COHORT] == "1997-01" and row["value_mean"] > 20
    }
    asked = pages(reading, filter='cohort = "1997-01" AND value_mean > 20', horizon_days=90, page_size=1_000)
    assert {forecast.customer_id for page in asked for forecast in page.forecasts} == wanted


@pytest.mark.parametrize("change", [{"filter": "value_mean > 1"}, {"order_by": "value_mean"}, {"horizon_days": 90}])
def test_a_page_token_is_bound_to_its_request(reading: Running, change: dict[str, object]) -> None:
    token = reading.forecasts.ListForecasts(pb.ListForecastsRequest(page_size=10)).next_page_token
    request = pb.ListForecastsRequest(page_size=10, page_token=token, **change)
    assert refused(lambda: reading.forecasts.ListForecasts(request)).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_totals_are_the_base_then_the_cohorts(reading: Running, customer_ids: list[str]) -> None:
    totals = reading.forecasts.ListForecasts(pb.ListForecastsRequest(include_totals=True)).totals
    assert [total.group_kind for total in totals][:2] == [pb.GROUP_KIND_BASE, pb.GROUP_KIND_COHORT]
    assert totals[0].customer_count == len(customer_ids) == sum(total.customer_count for total in totals[1:])


def test_the_mean_of_the_total_is_the_sum_of_the_customers_means(reading: Running) -> None:
    answer = reading.forecasts.ListForecasts(pb.ListForecastsRequest(include_totals=True, page_size=1_000))
    means = sum(forecast.horizons[0].value.mean for forecast in answer.forecasts)
    assert answer.totals[0].value.mean == pytest.approx(means, rel=1e-6)


def test_totals_are_opt_in(reading: Running) -> None:
    assert not reading.forecasts.ListForecasts(pb.ListForecastsRequest()).totals
