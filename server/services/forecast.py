"""ForecastService: stored forecasts, and forecasts from histories in the request."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import grpc
import numpy as np
from google.rpc import code_pb2

from farview.core import columns as c
from farview.core.clock import Cut, zone
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.core.filters import FORECAST_FIELDS, compile_filter
from farview.core.filters.fields import fields_of
from farview.core.schemas import RFM
from farview.store.store import Store
from farview.store.values import ForecastRun, OrderBy, PageKey
from farview.v1 import forecast_pb2 as pb
from farview.v1 import forecast_pb2_grpc
from ltv.inputs import History
from ltv.model import BtydModel
from ltv.scenarios import concerned, effect
from server import page_token
from server.convert import basics, forecast_answers, forecast_requests, scenario_messages
from server.convert.fields import Surroundings
from server.interceptors import refuse_when_late
from server.scoring import Scoring
from server.snapshot import Served, known_horizon


class ForecastService(forecast_pb2_grpc.ForecastServiceServicer):
    """See the contract; each method converts, reads once, computes, converts back."""

    def __init__(self, store: Store, served: Served, scoring: Scoring) -> None:
        self._store = store
        self._served = served
        self._scoring = scoring
        self._business = store.business()

    def GetForecast(self, request: pb.GetForecastRequest, context: grpc.ServicerContext) -> pb.GetForecastResponse:
        asked = forecast_requests.get_forecast(request)
        run = self._run(asked.forecast_run_id, asked.max_age_days)
        found = self._read(run, [asked.customer_id], asked.horizon_days, asked.include_quantile_grid)
        if asked.customer_id not in found:
            raise NotFound("forecast of customer", asked.customer_id, _why_missing(run))
        forecast = found[asked.customer_id]
        if asked.include_drivers:
            refuse_when_late(context)
            told = self._scoring.stored_drivers(run, asked.customer_id, self._business.time_zone)
            forecast_answers.with_drivers(forecast, told)
        return pb.GetForecastResponse(forecast_run=basics.forecast_run(run), forecast=forecast)

    def BatchGetForecasts(
        self, request: pb.BatchGetForecastsRequest, context: grpc.ServicerContext
    ) -> pb.BatchGetForecastsResponse:
        asked = forecast_requests.batch_get_forecasts(request)
        run = self._run(asked.forecast_run_id, asked.max_age_days)
        found = self._read(run, asked.customer_ids, asked.horizon_days, asked.include_quantile_grid)
        results = [
            forecast_answers.found(found[customer_id])
            if customer_id in found
            else forecast_answers.missing(customer_id, code_pb2.NOT_FOUND, _why_missing(run))
            for customer_id in asked.customer_ids
        ]
        return pb.BatchGetForecastsResponse(forecast_run=basics.forecast_run(run), results=results)

    def ListForecasts(
        self, request: pb.ListForecastsRequest, context: grpc.ServicerContext
    ) -> pb.ListForecastsResponse:
        asked = forecast_requests.list_forecasts(request)
        where, order = compile_filter(asked.filter, FORECAST_FIELDS), _order_by(asked.order_by)
        must_stay = [
            asked.filter,
            asked.order_by,
            asked.horizon_days,
            asked.include_quantile_grid,
            asked.forecast_run_id,
        ]
        after = None
        if asked.page_token:
            position = page_token.unseal(asked.page_token, must_stay)
            run, after = self._run(str(position["run"]), asked.max_age_days), PageKey(*position["after"])
        else:
            run = self._run(asked.forecast_run_id, asked.max_age_days)
        horizon = known_horizon(run, asked.horizon_days or max(run.spec.horizons_days), "horizon_days")
        page = self._store.list_forecasts(
            run.run_id, horizon, where=where, order_by=order, page_size=asked.page_size, after=after
        )
        token = ""
        if page.after is not None:
            token = page_token.seal({"run": run.run_id, "after": [page.after.value, page.after.customer_id]}, must_stay)
        currency, totals = self._business.reporting_currency, []
        if asked.include_totals:
            totals = forecast_answers.group_totals(self._store.totals(run.run_id), horizon, currency)
        return pb.ListForecastsResponse(
            forecast_run=basics.forecast_run(run),
            forecasts=forecast_answers.forecasts(page.rows, currency, with_grids=asked.include_quantile_grid),
            next_page_token=token,
            totals=totals,
        )

    def ScoreCustomers(
        self, request: pb.ScoreCustomersRequest, context: grpc.ServicerContext
    ) -> pb.ScoreCustomersResponse:
        now = datetime.now(UTC)
        asked = forecast_requests.score_customers(request, Surroundings(self._business.reporting_currency, now))
        version = self._scoring.version(asked.model_version)
        as_of = asked.as_of_date or self._today(now)
        histories = [_history(history) for history in asked.histories]
        inputs = self._scoring.inputs(version, histories, Cut(as_of, now), self._business.time_zone)
        refuse_when_late(context)
        table = self._scoring.forecast(version, inputs, asked.horizon_days, as_of)
        found = {
            forecast.customer_id: forecast
            for forecast in forecast_answers.forecasts(
                table, self._business.reporting_currency, with_grids=asked.include_quantile_grid
            )
        }
        if asked.include_drivers:
            refuse_when_late(context)
            told = self._scoring.drivers(version, inputs, as_of)
            for forecast, drivers in zip(found.values(), told, strict=True):  # both in the order of the inputs
                forecast_answers.with_drivers(forecast, drivers)
        no_purchase = f"no purchase on or before {as_of}, and a forecast needs one"
        results = [
            forecast_answers.found(found[history.customer_id])
            if history.customer_id in found
            else forecast_answers.missing(history.customer_id, code_pb2.FAILED_PRECONDITION, no_purchase)
            for history in asked.histories
        ]
        return pb.ScoreCustomersResponse(model_version=version.name, as_of_date=basics.day(as_of), results=results)

    def SimulateScenario(
        self, request: pb.SimulateScenarioRequest, context: grpc.ServicerContext
    ) -> pb.SimulateScenarioResponse:
        asked = scenario_messages.simulate_scenario(request)
        segment = compile_filter(asked.filter, fields_of(RFM)) if asked.filter.strip() else None
        version = self._scoring.version(asked.model_version)
        model = self._scoring.model(version)
        if not isinstance(model, BtydModel):
            raise FailedPrecondition(f"{version.name} ({version.model}) has no purchase process to scale")
        as_of = asked.as_of_date or self._store.last_event_day()
        if as_of is None:
            raise FailedPrecondition("there are no transactions (run `farview import transactions FILE`)")
        cut = Cut(as_of, datetime.now(UTC))
        customers = self._scoring.customers(version, self._store.transactions(cut), cut, self._business.time_zone)
        if not customers.num_rows:
            raise InvalidInput.of("as_of_date", f"nobody had bought by {as_of}")
        refuse_when_late(context)
        chosen = concerned(customers, segment)
        found = effect(model, customers, asked.change.change(), chosen, asked.horizon_days)
        return pb.SimulateScenarioResponse(
            model_version=version.name,
            as_of_date=basics.day(as_of),
            horizon_days=asked.horizon_days,
            customer_count=customers.num_rows,
            changed_customer_count=int(chosen.sum()),
            **scenario_messages.effects(found, self._business.reporting_currency),
        )

    def _run(self, forecast_run_id: str, max_age_days: int | None) -> ForecastRun:
        run = self._named_run(forecast_run_id) if forecast_run_id else self._served.current().run
        age_days = (self._today(datetime.now(UTC)) - run.spec.as_of).days
        if max_age_days is not None and age_days > max_age_days:
            raise FailedPrecondition(
                f"forecast run {run.run_id} is as of {run.spec.as_of}, {age_days:,} days ago, and max_age_days is "
                f"{max_age_days:,} (run `farview score`, or allow an older run)"
            )
        return run

    def _named_run(self, forecast_run_id: str) -> ForecastRun:
        if not forecast_run_id.isdecimal() or len(forecast_run_id) > 18:
            raise NotFound("forecast run", forecast_run_id)
        return self._store.run(int(forecast_run_id))

    def _read(
        self, run: ForecastRun, customer_ids: Iterable[str], horizons_days: tuple[int, ...], with_grids: bool
    ) -> dict[str, pb.Forecast]:
        """Forecasts by customer; customers without one are absent."""
        for index, days in enumerate(horizons_days):
            known_horizon(run, days, f"horizon_days[{index}]")
        only = horizons_days[0] if len(horizons_days) == 1 else None
        table = self._store.forecasts(run.run_id, list(customer_ids), only)
        if len(horizons_days) > 1:
            table = table.filter(np.isin(table.column(c.HORIZON_DAYS).to_numpy(), horizons_days))
        rows = forecast_answers.forecasts(table, self._business.reporting_currency, with_grids=with_grids)
        return {forecast.customer_id: forecast for forecast in rows}

    def _today(self, now: datetime) -> date:
        return now.astimezone(zone(self._business.time_zone)).date()


def _history(history: forecast_requests.CustomerHistory) -> History:
    times = np.array([t.transaction_time.replace(tzinfo=None) for t in history.transactions], "datetime64[us]")
    return History(history.customer_id, times, np.array([float(t.amount.value) for t in history.transactions]))


def _why_missing(run: ForecastRun) -> str:
    return f"forecast run {run.run_id} saw no purchase of this customer on or before {run.spec.as_of}"


def _order_by(text: str) -> OrderBy:
    """The order asked for; whether the column can order is the store's to say."""
    words = text.split()
    if not words:
        return OrderBy(c.CUSTOMER_ID, descending=False)
    if words[1:] not in ([], ["asc"], ["desc"]):
        raise InvalidInput.of("order_by", f"{text!r} is not one field and then optionally asc or desc")
    return OrderBy(words[0], descending=words[1:] == ["desc"])
