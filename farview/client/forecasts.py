"""Calls of ForecastService."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from farview.client import messages
from farview.client.connection import Connection
from farview.client.values import CustomerForecast, Purchase
from farview.v1 import forecast_pb2, forecast_pb2_grpc

BATCH = 1_000  # the most customers of one call


class ForecastCalls:
    """See protos/farview/v1/forecast.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._forecasts = forecast_pb2_grpc.ForecastServiceStub(connection.channel)

    def forecast(
        self,
        customer_id: str,
        *,
        horizon_days: Sequence[int] = (),
        quantile_grid: bool = False,
        drivers: bool = False,
        max_age_days: int | None = None,
    ) -> CustomerForecast:
        """The stored forecast of one customer at the horizons named, or at all; refused from a run older than asked."""
        answer = self._connection.call(
            self._forecasts.GetForecast,
            forecast_pb2.GetForecastRequest(
                customer_id=customer_id,
                horizon_days=horizon_days,
                include_quantile_grid=quantile_grid,
                include_drivers=drivers,
                max_age_days=max_age_days,
            ),
        )
        run = answer.forecast_run
        return CustomerForecast(answer.forecast, run.forecast_run_id, run.model_version)

    def forecasts(
        self, customer_ids: Sequence[str], *, horizon_days: Sequence[int] = (), max_age_days: int | None = None
    ) -> dict[str, CustomerForecast]:
        """Stored forecasts by customer, all from one run; customers without one are absent. 1,000 customers a call."""
        found: dict[str, CustomerForecast] = {}
        run_id = ""
        for start in range(0, len(customer_ids), BATCH):
            answer = self._connection.call(
                self._forecasts.BatchGetForecasts,
                forecast_pb2.BatchGetForecastsRequest(
                    customer_ids=customer_ids[start : start + BATCH],
                    horizon_days=horizon_days,
                    forecast_run_id=run_id,
                    max_age_days=max_age_days,
                ),
            )
            run_id = answer.forecast_run.forecast_run_id
            found |= _by_customer(answer.results, run_id, answer.forecast_run.model_version)
        return found

    def list_forecasts(
        self,
        where: str = "",
        *,
        order_by: str = "",
        horizon_days: int = 0,
        page_size: int = BATCH,
        max_age_days: int | None = None,
    ) -> Iterator[CustomerForecast]:
        """All forecasts that the filter selects, in order, page by page as they are consumed; all from one run."""
        request = forecast_pb2.ListForecastsRequest(
            filter=where,
            order_by=order_by,
            horizon_days=horizon_days,
            page_size=page_size,
            max_age_days=max_age_days,
        )
        while True:
            page = self._connection.call(self._forecasts.ListForecasts, request)
            for forecast in page.forecasts:
                yield CustomerForecast(forecast, page.forecast_run.forecast_run_id, page.forecast_run.model_version)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def totals(self, horizon_days: int = 0) -> Sequence[forecast_pb2.GroupTotal]:
        """Totals of the base and of every cohort at one horizon; 0 is the longest."""
        request = forecast_pb2.ListForecastsRequest(horizon_days=horizon_days, page_size=1, include_totals=True)
        return self._connection.call(self._forecasts.ListForecasts, request).totals

    def score(
        self,
        histories: Mapping[str, Sequence[Purchase]],
        *,
        as_of: date | None = None,
        horizon_days: Sequence[int] = (),
        drivers: bool = False,
    ) -> dict[str, CustomerForecast]:
        """Forecasts from at most 1,000 histories by customer; nothing is stored. Who never bought is absent."""
        request = forecast_pb2.ScoreCustomersRequest(
            histories=[
                forecast_pb2.CustomerHistory(
                    customer_id=customer_id,
                    transactions=[
                        forecast_pb2.HistoricTransaction(
                            transaction_time=messages.timestamp(purchase.time), amount=messages.money(purchase)
                        )
                        for purchase in purchases
                    ],
                )
                for customer_id, purchases in histories.items()
            ],
            as_of_date=None if as_of is None else messages.day(as_of),
            horizon_days=horizon_days,
            include_drivers=drivers,
        )
        answer = self._connection.call(self._forecasts.ScoreCustomers, request)
        return _by_customer(answer.results, "", answer.model_version)

    def scenario(
        self,
        change: forecast_pb2.ScenarioChange,
        where: str = "",
        *,
        horizon_days: int = 0,
        as_of: date | None = None,
        model_version: str = "",
    ) -> forecast_pb2.SimulateScenarioResponse:
        """Totals as they are forecast and as they would be if the customers that the filter selects changed."""
        request = forecast_pb2.SimulateScenarioRequest(
            change=change,
            filter=where,
            horizon_days=horizon_days,
            as_of_date=None if as_of is None else messages.day(as_of),
            model_version=model_version,
        )
        return self._connection.call(self._forecasts.SimulateScenario, request)


def _by_customer(
    results: Iterable[forecast_pb2.ForecastResult], run_id: str, model_version: str
) -> dict[str, CustomerForecast]:
    return {
        result.customer_id: CustomerForecast(result.forecast, run_id, model_version)
        for result in results
        if result.WhichOneof("outcome") == "forecast"
    }
