"""Recorded amounts of other currencies: converted where there is a rate, else refused by field."""

from datetime import date

import grpc
import pytest
from google.type.money_pb2 import Money

from farview.v1 import feedback_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused
from tests.server.test_record_touchpoints import conversion
from tests.server.test_record_transactions import amounts_of, counts, record, sale
from tests.store.files import imported

POUNDS = Money(currency_code="GBP", units=10, nanos=500_000_000)


def sold_in_pounds() -> pb.Transaction:
    transaction = sale()
    transaction.amount.CopyFrom(POUNDS)
    return transaction


@pytest.fixture
def with_rates(empty: Running) -> Running:
    """A server whose database knows a pound from the day before the sales."""
    imported(empty.store, "rates", [{"date": date(1997, 11, 20), "currency": "GBP", "rate": 2.0}])
    return empty


def test_a_sale_in_another_currency_is_converted_by_the_last_rate(with_rates: Running) -> None:
    assert counts(record(with_rates, "r1", sold_in_pounds(), sale())) == (2, 0, 0)
    assert amounts_of(with_rates, "new") == [10.0, 21.0]


def test_a_sale_without_a_rate_keeps_all_out_and_names_the_field(empty: Running) -> None:
    error = refused(lambda: record(empty, "r1", sale(), sold_in_pounds()))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["transactions[1].amount"])
    assert "farview import rates FILE" in error.details()
    assert amounts_of(empty, "new") == []


def test_the_value_of_a_conversion_without_a_rate_is_named_as_in_the_request(empty: Running) -> None:
    request = pb.RecordTouchpointsRequest(request_id="r1", touchpoints=[conversion(value=POUNDS)])
    error = refused(lambda: empty.feedback.RecordTouchpoints(request))
    assert fields(error) == ["touchpoints[0].conversion.value"]
