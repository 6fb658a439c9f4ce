"""Rows of the forecast contract as protobuf messages."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from google.rpc import code_pb2, status_pb2

from farview.core import columns as c
from farview.core import quantile_grid
from farview.v1 import distribution_pb2, forecast_pb2
from ltv.boost_drivers import Driver
from server.convert.basics import day

Row = Mapping[str, Any]
_GRIDS = {measure: f"{measure}_grid" for measure in (c.PURCHASES, c.VALUE)}
_GROUP_KINDS = {"base": forecast_pb2.GROUP_KIND_BASE, "cohort": forecast_pb2.GROUP_KIND_COHORT}


def forecasts(table: pa.Table, currency: str, *, with_grids: bool) -> list[forecast_pb2.Forecast]:
    """One message for each run of rows of the same customer.

    Args:
        table: schemas.FORECAST, the rows of a customer together; the order of customers is kept.
        currency: ISO 4217 code of its amounts.
        with_grids: whether the quantile grids go along.
    """
    rows = _rows(table, with_grids=with_grids)
    return [_forecast(list(group), currency) for _, group in groupby(rows, key=lambda row: row[c.CUSTOMER_ID])]


def found(forecast: forecast_pb2.Forecast) -> forecast_pb2.ForecastResult:
    """The result of a customer who has a forecast."""
    return forecast_pb2.ForecastResult(customer_id=forecast.customer_id, forecast=forecast)


def with_drivers(forecast: forecast_pb2.Forecast, drivers: Sequence[Driver]) -> forecast_pb2.Forecast:
    """The forecast with what moves it."""
    forecast.drivers.extend(
        forecast_pb2.Driver(input=driver.input, description=driver.words, factor=driver.factor) for driver in drivers
    )
    return forecast


def missing(customer_id: str, code: code_pb2.Code, why: str) -> forecast_pb2.ForecastResult:
    """The result of a customer who has none."""
    return forecast_pb2.ForecastResult(customer_id=customer_id, error=status_pb2.Status(code=code, message=why))


def group_totals(table: pa.Table, horizon_days: int, currency: str) -> list[forecast_pb2.GroupTotal]:
    """Totals of one horizon: the base first, then cohorts by name. Quantiles are those of the joint draws.

    Args:
        table: schemas.TOTALS.
    """
    groups: dict[tuple[int, str], forecast_pb2.GroupTotal] = {}
    for row in table.to_pylist():
        if row[c.HORIZON_DAYS] != horizon_days or row["group_kind"] not in _GROUP_KINDS:
            continue
        kind = _GROUP_KINDS[row["group_kind"]]
        total = groups.setdefault(
            (kind, row["group_name"]),
            forecast_pb2.GroupTotal(
                group_kind=kind,
                group_name=row["group_name"],
                customer_count=row["customers"],
                horizon_days=horizon_days,
            ),
        )
        measure = row["measure"]
        draws = np.asarray(row["draws"])
        getattr(total, measure).CopyFrom(_from_draws(row["mean"], draws, currency if measure == c.VALUE else ""))
    return [groups[key] for key in sorted(groups)]


def expected_value(row: Row, currency: str) -> distribution_pb2.ExpectedValue:
    """(b) of one row: its mean, sd and quantiles under their column names."""
    names = ("mean", "sd", *c.QUANTILE_SUFFIXES)
    return distribution_pb2.ExpectedValue(
        currency_code=currency, **{name: row[f"{c.EXPECTED_VALUE}_{name}"] for name in names}
    )


def _rows(table: pa.Table, *, with_grids: bool) -> Iterator[dict[str, Any]]:
    """Rows as mappings; grids, when wanted, as lists of 33 points."""
    points = {name: quantile_grid.law_of(table, measure).points for measure, name in _GRIDS.items() if with_grids}
    for index, row in enumerate(table.drop_columns(list(_GRIDS.values())).to_pylist()):
        yield row | {name: values[index].tolist() for name, values in points.items()}


def _forecast(rows: list[Row], currency: str) -> forecast_pb2.Forecast:
    first = rows[0]
    median = first[c.MEDIAN_NEXT_PURCHASE_DATE]
    return forecast_pb2.Forecast(
        customer_id=first[c.CUSTOMER_ID],
        cohort=first[c.COHORT],
        first_purchase_date=day(first[c.FIRST_PURCHASE_DATE]),
        p_alive=first[c.P_ALIVE],
        median_next_purchase_date=None if median is None else day(median),
        horizons=[
            forecast_pb2.HorizonForecast(
                horizon_days=row[c.HORIZON_DAYS],
                purchases=_distribution(row, c.PURCHASES, ""),
                value=_distribution(row, c.VALUE, currency),
                expected_value=expected_value(row, currency),
            )
            for row in sorted(rows, key=lambda row: row[c.HORIZON_DAYS])
        ],
    )


def _distribution(row: Row, measure: str, currency: str) -> distribution_pb2.Distribution:
    names = ("p_zero", "mean", "sd", *c.QUANTILE_SUFFIXES)
    grid = None
    if (points := row.get(_GRIDS[measure])) is not None:
        grid = distribution_pb2.QuantileGrid(levels=quantile_grid.LEVELS.tolist(), values=points)
    return distribution_pb2.Distribution(
        currency_code=currency, grid=grid, **{name: row[f"{measure}_{name}"] for name in names}
    )


def _from_draws(mean: float, draws: np.ndarray[Any, Any], currency: str) -> distribution_pb2.Distribution:
    quantiles = dict(zip(c.QUANTILE_SUFFIXES, np.quantile(draws, c.QUANTILE_LEVELS).tolist(), strict=True))
    return distribution_pb2.Distribution(
        currency_code=currency,
        p_zero=float(np.mean(draws == 0)),
        mean=mean,
        sd=float(np.std(draws)),
        **quantiles,
    )
