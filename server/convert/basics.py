"""Domain values as protobuf messages that several answers share."""

from datetime import date, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from farview.store.values import ForecastRun
from farview.v1 import forecast_run_pb2 as pb


def day(value: date) -> Date:
    """A calendar day."""
    return Date(year=value.year, month=value.month, day=value.day)


def instant(value: datetime) -> Timestamp:
    """An aware instant."""
    message = Timestamp()
    message.FromDatetime(value)
    return message


def forecast_run(run: ForecastRun) -> pb.ForecastRun:
    """A published run."""
    assert run.published_at is not None
    return pb.ForecastRun(
        forecast_run_id=str(run.run_id),
        model_version=run.model_name,
        as_of_date=day(run.spec.as_of),
        known_at_time=instant(run.spec.known_at),
        publish_time=instant(run.published_at),
        horizon_days=sorted(run.spec.horizons_days),
        customer_count=run.forecasts // len(run.spec.horizons_days),
    )
