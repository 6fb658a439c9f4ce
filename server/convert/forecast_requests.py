"""Requests of ForecastService, checked."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from farview.v1 import forecast_pb2 as pb
from server.convert.fields import Amount, Day, Distinct, Id, Instant, OptionalId, Surroundings, counted, distinct
from server.convert.parse import Parsed, parse

MAX_BATCH = 1_000
MAX_TRANSACTIONS = 100_000
MAX_HORIZONS = 10
MAX_HORIZON_DAYS = 3_650
MAX_AGE_DAYS = 36_500
DEFAULT_HORIZONS_DAYS = (30, 90, 365)  # of `farview score`
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000
EARLIEST_DAY, LATEST_DAY = date(1970, 1, 1), date(2199, 12, 31)

Positive = Annotated[int, Field(ge=1, le=MAX_HORIZON_DAYS)]
MaxAge = Annotated[int, Field(ge=0, le=MAX_AGE_DAYS)] | None
Horizons = Annotated[tuple[Positive, ...], counted(0, MAX_HORIZONS), Distinct]
PageSize = Annotated[int, Field(ge=0, le=MAX_PAGE_SIZE), AfterValidator(lambda size: size or DEFAULT_PAGE_SIZE)]


def served_day(day: date | None) -> date | None:
    """A day that the server works on; None stays None."""
    if day is not None and not EARLIEST_DAY <= day <= LATEST_DAY:
        raise ValueError(f"is {day}; it must be from {EARLIEST_DAY} to {LATEST_DAY}")
    return day


class GetForecast(Parsed):
    """Which customer, which horizons (none: all), which run ("": the latest), how old (None: any)."""

    customer_id: Id
    horizon_days: Horizons
    include_quantile_grid: bool
    forecast_run_id: OptionalId
    max_age_days: MaxAge
    include_drivers: bool


class BatchGetForecasts(Parsed):
    """Which customers, in the order of the answer."""

    customer_ids: Annotated[tuple[Id, ...], counted(1, MAX_BATCH), Distinct]
    horizon_days: Horizons
    include_quantile_grid: bool
    forecast_run_id: OptionalId
    max_age_days: MaxAge


class ListForecasts(Parsed):
    """One page. `horizon_days` 0: the longest of the run. Filter, order and token are read by the service."""

    page_size: PageSize
    page_token: str
    filter: str
    order_by: str
    horizon_days: Annotated[int, Field(ge=0, le=MAX_HORIZON_DAYS)]
    include_quantile_grid: bool
    forecast_run_id: OptionalId
    include_totals: bool
    max_age_days: MaxAge


class HistoricTransaction(Parsed):
    """One purchase or return."""

    transaction_time: Instant
    amount: Amount

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.HistoricTransaction) -> dict[str, Any]:
        return {
            "transaction_time": message.transaction_time if message.HasField("transaction_time") else None,
            "amount": message.amount if message.HasField("amount") else None,
        }


class CustomerHistory(Parsed):
    """One customer's transactions, in any order."""

    customer_id: Id
    transactions: Annotated[tuple[HistoricTransaction, ...], counted(1, MAX_TRANSACTIONS)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.CustomerHistory) -> dict[str, Any]:
        return {"customer_id": message.customer_id, "transactions": tuple(message.transactions)}


def _few_enough(histories: Sequence[pb.CustomerHistory]) -> Sequence[pb.CustomerHistory]:
    if (total := sum(len(history.transactions) for history in histories)) > MAX_TRANSACTIONS:
        raise ValueError(f"has {total:,} transactions; at most {MAX_TRANSACTIONS:,} together (split the call)")
    return histories


def _one_each(histories: tuple[CustomerHistory, ...]) -> tuple[CustomerHistory, ...]:
    distinct([history.customer_id for history in histories])
    return histories


class ScoreCustomers(Parsed):
    """Histories to forecast from. `as_of_date` None: today; `model_version` "": the champion."""

    histories: Annotated[
        tuple[CustomerHistory, ...],
        AfterValidator(_one_each),
        BeforeValidator(_few_enough),
        counted(1, MAX_BATCH),  # of the rules before parsing, pydantic runs the last first
    ]
    as_of_date: Annotated[Day, AfterValidator(served_day)]
    horizon_days: Annotated[Horizons, AfterValidator(lambda days: tuple(sorted(days)) or DEFAULT_HORIZONS_DAYS)]
    include_quantile_grid: bool
    model_version: OptionalId
    include_drivers: bool


def _max_age(message: pb.GetForecastRequest | pb.BatchGetForecastsRequest | pb.ListForecastsRequest) -> int | None:
    return message.max_age_days if message.HasField("max_age_days") else None


def get_forecast(message: pb.GetForecastRequest) -> GetForecast:
    """The checked request; InvalidInput names the wrong fields, here and below."""
    return parse(
        GetForecast,
        {
            "customer_id": message.customer_id,
            "horizon_days": tuple(message.horizon_days),
            "include_quantile_grid": message.include_quantile_grid,
            "forecast_run_id": message.forecast_run_id,
            "max_age_days": _max_age(message),
            "include_drivers": message.include_drivers,
        },
    )


def batch_get_forecasts(message: pb.BatchGetForecastsRequest) -> BatchGetForecasts:
    """The checked request."""
    return parse(
        BatchGetForecasts,
        {
            "customer_ids": tuple(message.customer_ids),
            "horizon_days": tuple(message.horizon_days),
            "include_quantile_grid": message.include_quantile_grid,
            "forecast_run_id": message.forecast_run_id,
            "max_age_days": _max_age(message),
        },
    )


def list_forecasts(message: pb.ListForecastsRequest) -> ListForecasts:
    """The checked request."""
    return parse(
        ListForecasts,
        {
            "page_size": message.page_size,
            "page_token": message.page_token,
            "filter": message.filter,
            "order_by": message.order_by,
            "horizon_days": message.horizon_days,
            "include_quantile_grid": message.include_quantile_grid,
            "forecast_run_id": message.forecast_run_id,
            "include_totals": message.include_totals,
            "max_age_days": _max_age(message),
        },
    )


def score_customers(message: pb.ScoreCustomersRequest, surroundings: Surroundings) -> ScoreCustomers:
    """The checked request; its amounts are in the reporting currency."""
    return parse(
        ScoreCustomers,
        {
            "histories": tuple(message.histories),
            "as_of_date": message.as_of_date if message.HasField("as_of_date") else None,
            "horizon_days": tuple(message.horizon_days),
            "include_quantile_grid": message.include_quantile_grid,
            "model_version": message.model_version,
            "include_drivers": message.include_drivers,
        },
        surroundings,
    )
