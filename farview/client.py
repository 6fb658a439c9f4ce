"""Farview for callers in Python: typed, with deadlines, retries and errors that say which field to mend.

    from farview.client import FarviewClient, Floor, Item, Objective

    with FarviewClient("127.0.0.1:50051") as farview:
        forecast = farview.forecast("00042")
        year = forecast.at(365)
        print(year.expected_value.mean, year.expected_value.q10, year.purchases.p_zero)

        recent = Floor("recent", 'first_purchase_date >= "1997-03-01"', share=0.2)
        audience = farview.prioritize(capacity=100, floors=[recent])
        for customer in audience.customers:
            print(customer.place, customer.customer_id, customer.score)

        items = [Item("kettle", {"price": 39, "relevance": 0.8}), Item("spoon", {"price": 4, "relevance": 0.9})]
        ranking = farview.rank_items(items, [Objective("relevance", weight=2), Objective("price")])
        print([item.item_id for item in ranking.items])

Answers are the messages of the contract (`farview.v1`), whose comments are the reference.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from farview.core.errors import Violation
from farview.v1 import (
    feedback_pb2,
    feedback_pb2_grpc,
    forecast_pb2,
    forecast_pb2_grpc,
    items_pb2,
    model_pb2,
    model_pb2_grpc,
    prioritization_pb2,
    prioritization_pb2_grpc,
)

DEFAULT_TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
BATCH = 1_000  # the most customers or transactions of one call

_RETRY = {
    "methodConfig": [
        {
            "name": [{}],  # every method: reads change nothing, writes are idempotent by their request_id
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_ITEM_FIELDS = ("price", "purchase_probability")
Answer = TypeVar("Answer")


class CallFailed(Exception):
    """A call that the server refused or could not answer."""

    def __init__(self, code: grpc.StatusCode, message: str, violations: Sequence[Violation], request_id: str) -> None:
        wrong = "; ".join(str(violation) for violation in violations)
        super().__init__(f"{code.name}: {wrong or message}" + (f" (request id {request_id})" if request_id else ""))
        self.code = code
        self.message = message
        self.violations = violations  # wrong fields, by their path in the request; empty unless INVALID_ARGUMENT
        self.request_id = request_id  # names the call in the server's log; empty when no server was reached


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase, or with a negative amount a return."""

    time: datetime  # aware
    amount: Decimal
    currency: str  # ISO 4217; the database's reporting currency


@dataclass(frozen=True, slots=True)
class Transaction:
    """A purchase or return of a customer, to be recorded. With a `transaction_id` it is never stored twice."""

    customer_id: str
    purchase: Purchase
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Floor:
    """At least `share` of every prefix of an audience belongs to the cohort that the filter selects."""

    name: str
    cohort_filter: str
    share: float  # of places, in (0, 1]


@dataclass(frozen=True, slots=True)
class Item:
    """An item that may be shown, and what is known of it by name, such as price (reporting currency) or relevance."""

    item_id: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing to have much of, among the items' values. Only the order of values counts, not their unit."""

    name: str
    weight: float = 1.0
    bin_width: float | None = None  # in the values' unit: those of one bin share a rank


@dataclass(frozen=True, slots=True)
class ExpectedRevenue:
    """Orders items by `purchase_probability` times `price`, or times the logarithm of the price."""

    ln_price: bool = False


@dataclass(frozen=True, slots=True)
class CustomerForecast:
    """One customer's forecast and where it comes from."""

    forecast: forecast_pb2.Forecast
    forecast_run_id: str  # empty when scored from a history
    model_version: str

    def at(self, horizon_days: int) -> forecast_pb2.HorizonForecast:
        """The forecast at one horizon.

        Raises:
            KeyError: there is no such horizon.
        """
        for horizon in self.forecast.horizons:
            if horizon.horizon_days == horizon_days:
                return horizon
        known = [horizon.horizon_days for horizon in self.forecast.horizons]
        raise KeyError(f"no forecast over {horizon_days} days; there are {known}")


class FarviewClient:
    """Calls one server. Safe to share between threads; every method raises CallFailed.

    A call that finds the server unavailable is repeated up to three times within its deadline; writes carry a request
    id, so they are stored once however often they are sent.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        options = [
            ("grpc.service_config", json.dumps(_RETRY)),
            ("grpc.enable_retries", 1),
            ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
        ]
        self._timeout_seconds = timeout_seconds
        self._channel = (
            grpc.insecure_channel(address, options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options)
        )
        self._forecasts = forecast_pb2_grpc.ForecastServiceStub(self._channel)
        self._prioritization = prioritization_pb2_grpc.PrioritizationServiceStub(self._channel)
        self._feedback = feedback_pb2_grpc.FeedbackServiceStub(self._channel)
        self._models = model_pb2_grpc.ModelServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def forecast(
        self, customer_id: str, *, horizon_days: Sequence[int] = (), quantile_grid: bool = False
    ) -> CustomerForecast:
        """The stored forecast of one customer at the horizons named, or at all."""
        answer = self._call(
            self._forecasts.GetForecast,
            forecast_pb2.GetForecastRequest(
                customer_id=customer_id, horizon_days=horizon_days, include_quantile_grid=quantile_grid
            ),
        )
        run = answer.forecast_run
        return CustomerForecast(answer.forecast, run.forecast_run_id, run.model_version)

    def forecasts(
        self, customer_ids: Sequence[str], *, horizon_days: Sequence[int] = ()
    ) -> dict[str, CustomerForecast]:
        """Stored forecasts by customer, all from one run; customers without one are absent. 1,000 customers a call."""
        found: dict[str, CustomerForecast] = {}
        run_id = ""
        for start in range(0, len(customer_ids), BATCH):
            answer = self._call(
                self._forecasts.BatchGetForecasts,
                forecast_pb2.BatchGetForecastsRequest(
                    customer_ids=customer_ids[start : start + BATCH], horizon_days=horizon_days, forecast_run_id=run_id
                ),
            )
            run_id = answer.forecast_run.forecast_run_id
            found |= _by_customer(answer.results, run_id, answer.forecast_run.model_version)
        return found

    def list_forecasts(
        self, where: str = "", *, order_by: str = "", horizon_days: int = 0, page_size: int = BATCH
    ) -> Iterator[CustomerForecast]:
        """All forecasts that the filter selects, in order, page by page as they are consumed; all from one run."""
        request = forecast_pb2.ListForecastsRequest(
            filter=where, order_by=order_by, horizon_days=horizon_days, page_size=page_size
        )
        while True:
            page = self._call(self._forecasts.ListForecasts, request)
            for forecast in page.forecasts:
                yield CustomerForecast(forecast, page.forecast_run.forecast_run_id, page.forecast_run.model_version)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def totals(self, horizon_days: int = 0) -> Sequence[forecast_pb2.GroupTotal]:
        """Totals of the base and of every cohort at one horizon; 0 is the longest."""
        request = forecast_pb2.ListForecastsRequest(horizon_days=horizon_days, page_size=1, include_totals=True)
        return self._call(self._forecasts.ListForecasts, request).totals

    def score(
        self,
        histories: Mapping[str, Sequence[Purchase]],
        *,
        as_of: date | None = None,
        horizon_days: Sequence[int] = (),
    ) -> dict[str, CustomerForecast]:
        """Forecasts from at most 1,000 histories by customer; nothing is stored. Who never bought is absent."""
        request = forecast_pb2.ScoreCustomersRequest(
            histories=[
                forecast_pb2.CustomerHistory(
                    customer_id=customer_id,
                    transactions=[
                        forecast_pb2.HistoricTransaction(
                            transaction_time=_timestamp(purchase.time), amount=_money(purchase)
                        )
                        for purchase in purchases
                    ],
                )
                for customer_id, purchases in histories.items()
            ],
            as_of_date=None if as_of is None else Date(year=as_of.year, month=as_of.month, day=as_of.day),
            horizon_days=horizon_days,
        )
        answer = self._call(self._forecasts.ScoreCustomers, request)
        return _by_customer(answer.results, "", answer.model_version)

    def prioritize(
        self,
        capacity: int,
        among: str | Sequence[str] = "",
        floors: Sequence[Floor] = (),
        *,
        horizon_days: int = 0,
        quantile: float | None = None,
        report_shortfall: bool = False,
        seed: int | None = None,
    ) -> prioritization_pb2.PrioritizeCustomersResponse:
        """An ordered audience.

        Args:
            among: a filter, or customer ids; "" is everyone.
            quantile: order by this quantile of the expected value (0.05, 0.1, 0.5, 0.9 or 0.95) instead of its mean.
            report_shortfall: answer what can be placed when the floors are infeasible, instead of failing.
        """
        request = prioritization_pb2.PrioritizeCustomersRequest(
            capacity=capacity,
            horizon_days=horizon_days,
            floors=[
                prioritization_pb2.ExposureFloor(floor_id=f.name, cohort_filter=f.cohort_filter, share=f.share)
                for f in floors
            ],
            on_shortfall=prioritization_pb2.SHORTFALL_POLICY_REPORT
            if report_shortfall
            else prioritization_pb2.SHORTFALL_POLICY_REFUSE,
            seed=seed,
        )
        if not isinstance(among, str):
            request.customers.SetInParent()
            request.customers.customer_ids.extend(among)
        elif among:
            request.filter = among
        if quantile is not None:
            request.score.quantile.level = quantile
        return self._call(self._prioritization.PrioritizeCustomers, request)

    def rank_items(
        self,
        items: Sequence[Item],
        by: Sequence[Objective] | ExpectedRevenue,
        *,
        explain: bool = False,
        seed: int | None = None,
    ) -> items_pb2.RankItemsResponse:
        """At most 1,000 items in the order to show them. The first item says which values all of them have."""
        first = items[0].values if items else {}
        names = [name for name in first if name not in _ITEM_FIELDS]
        request = items_pb2.RankItemsRequest(
            items=[_candidate(item, names) for item in items],
            value_names=names,
            seed=seed,
            include_explanation=explain,
        )
        if isinstance(by, ExpectedRevenue):
            ln, identity = items_pb2.PRICE_FUNCTION_LN, items_pb2.PRICE_FUNCTION_IDENTITY
            request.blend.expected_revenue.price_function = ln if by.ln_price else identity
        else:
            request.blend.rank_product.SetInParent()
            for objective in by:
                request.blend.rank_product.objectives.add(
                    name=objective.name, weight=objective.weight, bin_width=objective.bin_width
                )
        return self._call(self._prioritization.RankItems, request)

    def record(
        self, transactions: Sequence[Transaction], *, request_id: str = ""
    ) -> feedback_pb2.RecordTransactionsResponse:
        """Stores at most 1,000 transactions, all or none. Give a `request_id` to make repeats of this call safe too."""
        request = feedback_pb2.RecordTransactionsRequest(
            request_id=request_id or uuid.uuid4().hex,
            transactions=[
                feedback_pb2.Transaction(
                    transaction_id=row.transaction_id,
                    customer_id=row.customer_id,
                    transaction_time=_timestamp(row.purchase.time),
                    amount=_money(row.purchase),
                )
                for row in transactions
            ],
        )
        return self._call(self._feedback.RecordTransactions, request)

    def model_versions(self, kind: str = "") -> Iterator[model_pb2.ModelVersion]:
        """Registered models, by kind and newest first."""
        request = model_pb2.ListModelVersionsRequest(kind=kind)
        while True:
            page = self._call(self._models.ListModelVersions, request)
            yield from page.model_versions
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def model_version(self, name: str) -> model_pb2.ModelVersion:
        """One registered model, "ltv-revenue/3"."""
        return self._call(
            self._models.GetModelVersion, model_pb2.GetModelVersionRequest(model_version=name)
        ).model_version

    def promote(
        self, name: str, *, expected_champion: str, reason: str, request_id: str = ""
    ) -> model_pb2.PromoteModelVersionResponse:
        """Makes a version champion unless another one became champion meanwhile (CallFailed with ABORTED)."""
        request = model_pb2.PromoteModelVersionRequest(
            request_id=request_id or uuid.uuid4().hex,
            model_version=name,
            expected_champion=expected_champion,
            reason=reason,
        )
        return self._call(self._models.PromoteModelVersion, request)

    def _call(self, method: Callable[..., Answer], request: Message) -> Answer:
        try:
            return method(request, timeout=self._timeout_seconds, wait_for_ready=False)
        except grpc.RpcError as error:
            raise _failure(error) from None


def _by_customer(
    results: Iterable[forecast_pb2.ForecastResult], run_id: str, model_version: str
) -> dict[str, CustomerForecast]:
    return {
        result.customer_id: CustomerForecast(result.forecast, run_id, model_version)
        for result in results
        if result.WhichOneof("outcome") == "forecast"
    }


def _candidate(item: Item, names: Sequence[str]) -> items_pb2.CandidateItem:
    unlike = {*item.values}.symmetric_difference([*names, *_ITEM_FIELDS]) - {*_ITEM_FIELDS}
    if unlike:
        raise ValueError(f"item {item.item_id!r} differs from the first item in {', '.join(sorted(unlike))}")
    return items_pb2.CandidateItem(
        item_id=item.item_id,
        price=item.values.get("price"),
        purchase_probability=item.values.get("purchase_probability"),
        values=[item.values[name] for name in names],
    )


def _timestamp(time: datetime) -> Timestamp:
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone")
    message = Timestamp()
    message.FromDatetime(time)
    return message


def _money(purchase: Purchase) -> Money:
    nanos = int(purchase.amount.scaleb(9).to_integral_exact())
    units = abs(nanos) // 10**9 * (1 if nanos >= 0 else -1)
    return Money(currency_code=purchase.currency, units=units, nanos=nanos - units * 10**9)


def _failure(error: grpc.RpcError) -> CallFailed:
    """The rich status of a failed call as an exception."""
    violations: list[Violation] = []
    request_id = ""
    for key, value in error.trailing_metadata() or ():
        if key == "x-request-id":
            request_id = value
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                bad = error_details_pb2.BadRequest()
                if detail.Unpack(bad):
                    violations += [Violation(v.field, v.description) for v in bad.field_violations]
    return CallFailed(error.code(), error.details() or "", violations, request_id)
