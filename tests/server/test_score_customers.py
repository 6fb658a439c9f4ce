"""ScoreCustomers: histories in, forecasts out, nothing stored."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from farview.v1 import forecast_pb2 as pb
from tests.server.conftest import AS_OF, HORIZONS_DAYS, Running
from tests.server.refusals import refused

Histories = dict[str, list[tuple[datetime, Decimal]]]
AS_OF_DATE = Date(year=AS_OF.year, month=AS_OF.month, day=AS_OF.day)


def history(customer_id: str, purchases: Iterable[tuple[datetime, Decimal]]) -> pb.CustomerHistory:
    rows = []
    for time, amount in purchases:
        nanos = int(amount * 10**9)
        money = Money(currency_code="USD", units=nanos // 10**9, nanos=nanos % 10**9)
        rows.append(pb.HistoricTransaction(transaction_time=Timestamp(seconds=int(time.timestamp())), amount=money))
    return pb.CustomerHistory(customer_id=customer_id, transactions=rows)


def test_a_history_gets_the_forecast_that_a_run_stores_for_it(reading: Running, histories: Histories) -> None:
    some = dict(list(histories.items())[:40])
    scored = reading.forecasts.ScoreCustomers(
        pb.ScoreCustomersRequest(
            histories=[history(*one) for one in some.items()], as_of_date=AS_OF_DATE, horizon_days=HORIZONS_DAYS
        )
    )
    stored = reading.forecasts.BatchGetForecasts(pb.BatchGetForecastsRequest(customer_ids=list(some)))
    assert list(scored.results) == list(stored.results)


def test_transactions_after_the_as_of_day_are_not_seen(reading: Running, histories: Histories) -> None:
    whole = next(rows for rows in histories.values() if rows[0][0].date() <= AS_OF < rows[-1][0].date())
    seen = [row for row in whole if row[0].date() <= AS_OF]
    answers = [
        reading.forecasts.ScoreCustomers(
            pb.ScoreCustomersRequest(histories=[history("a", rows)], as_of_date=AS_OF_DATE)
        )
        for rows in (whole, seen)
    ]
    assert answers[0] == answers[1]


def test_who_did_not_buy_by_the_as_of_day_fails_alone(reading: Running) -> None:
    early, late = datetime(1997, 1, 5, tzinfo=UTC), datetime(1998, 1, 5, tzinfo=UTC)
    request = pb.ScoreCustomersRequest(
        histories=[history("late", [(late, Decimal(5))]), history("early", [(early, Decimal(5))])],
        as_of_date=AS_OF_DATE,
    )
    late_result, early_result = reading.forecasts.ScoreCustomers(request).results
    assert late_result.error.code == code_pb2.FAILED_PRECONDITION
    assert early_result.forecast.customer_id == "early"


def test_horizons_are_30_90_365_unless_said_otherwise(reading: Running) -> None:
    request = pb.ScoreCustomersRequest(
        histories=[history("a", [(datetime(1997, 1, 5, tzinfo=UTC), Decimal(5))])], as_of_date=AS_OF_DATE
    )
    result = reading.forecasts.ScoreCustomers(request).results[0]
    assert [horizon.horizon_days for horizon in result.forecast.horizons] == [30, 90, 365]


def test_the_as_of_day_is_today_unless_said_otherwise(reading: Running) -> None:
    before = datetime.now(UTC).date()
    request = pb.ScoreCustomersRequest(histories=[history("a", [(datetime(2020, 1, 5, tzinfo=UTC), Decimal(5))])])
    said = reading.forecasts.ScoreCustomers(request).as_of_date
    assert before <= date(said.year, said.month, said.day) <= datetime.now(UTC).date()


def test_scoring_stores_nothing(reading: Running) -> None:
    now = datetime(2020, 1, 5, tzinfo=UTC)
    reading.forecasts.ScoreCustomers(pb.ScoreCustomersRequest(histories=[history("stranger", [(now, Decimal(5))])]))
    request = pb.GetForecastRequest(customer_id="stranger")
    assert refused(lambda: reading.forecasts.GetForecast(request)).code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", ["ltv-revenue/99", "journeys/1", "nonsense"])
def test_an_unknown_model_version_is_not_found(reading: Running, name: str) -> None:
    request = pb.ScoreCustomersRequest(
        histories=[history("a", [(datetime(2020, 1, 5, tzinfo=UTC), Decimal(5))])], model_version=name
    )
    assert refused(lambda: reading.forecasts.ScoreCustomers(request)).code() is grpc.StatusCode.NOT_FOUND


def test_without_a_model_scoring_says_how_to_get_one(empty: Running) -> None:
    request = pb.ScoreCustomersRequest(histories=[history("a", [(datetime(2020, 1, 5, tzinfo=UTC), Decimal(5))])])
    error = refused(lambda: empty.forecasts.ScoreCustomers(request))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "farview train ltv" in error.details()
