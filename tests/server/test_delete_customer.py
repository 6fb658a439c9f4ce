"""DeleteCustomer: the next call of every method knows the customer no more."""

import grpc
import pytest

from farview.client import FarviewClient, Promise
from farview.client.connection import CallFailed
from farview.v1 import catalog_pb2, forecast_pb2
from farview.v1 import prioritization_pb2 as pb
from server.convert.forgetting import without_customer
from tests.server.conftest import Running
from tests.server.refusals import fields, refused


@pytest.fixture
def forgotten(writing: Running) -> tuple[Running, str, pb.PrioritizeCustomersRequest]:
    """A server, the best customer, who was reserved a place by that request and then deleted."""
    asked = pb.PrioritizeCustomersRequest(capacity=5, guarantee_ids=["all"], request_id="r", seed=1)
    with FarviewClient(writing.address) as client:
        client.set_guarantee(Promise("all", 0.4, 'cohort >= "1997-01"'))
        best = writing.prioritization.PrioritizeCustomers(asked).customers[0].customer_id
        client.delete_customer(best)
    return writing, best, asked


def test_a_deleted_customer_is_nowhere(forgotten: tuple[Running, str, pb.PrioritizeCustomersRequest]) -> None:
    """In one test: each look needs a server of its own."""
    running, best, asked = forgotten
    audience = running.prioritization.PrioritizeCustomers(pb.PrioritizeCustomersRequest(capacity=5, seed=1))
    assert best not in [customer.customer_id for customer in audience.customers]
    assert (len(audience.customers), audience.barred_count) == (5, 1)
    call = forecast_pb2.GetForecastRequest(customer_id=best)
    assert refused(lambda: running.forecasts.GetForecast(call)).code() is grpc.StatusCode.NOT_FOUND
    again = running.prioritization.PrioritizeCustomers(asked)
    assert [customer.place for customer in again.customers] == [2, 3, 4, 5]
    with FarviewClient(running.address) as client, pytest.raises(CallFailed, match="NOT_FOUND"):
        client.delete_customer(best)


def test_a_request_without_a_customer_is_refused(reading: Running) -> None:
    error = refused(lambda: reading.catalog.DeleteCustomer(catalog_pb2.DeleteCustomerRequest(request_id="x")))
    assert fields(error) == ["customer_id"]


def test_a_customer_is_taken_out_of_lists_and_of_names_and_the_rest_stays() -> None:
    answer = pb.PrioritizeCustomersResponse(
        customers=[pb.PrioritizedCustomer(customer_id=name, place=at) for at, name in enumerate(("a", "b"), 1)],
        unknown_customer_ids=["b", "c"],
        seed=7,
    )
    left = pb.PrioritizeCustomersResponse(
        customers=[pb.PrioritizedCustomer(customer_id="a", place=1)], unknown_customer_ids=["c"], seed=7
    )
    told = without_customer("farview.v1.PrioritizeCustomersRequest", answer.SerializeToString(), "b")
    assert pb.PrioritizeCustomersResponse.FromString(told) == left


def test_an_answer_of_the_customer_alone_is_emptied() -> None:
    answer = forecast_pb2.GetForecastResponse(forecast=forecast_pb2.Forecast(customer_id="a"))
    told = without_customer("farview.v1.GetForecastRequest", answer.SerializeToString(), "a")
    assert forecast_pb2.GetForecastResponse.FromString(told) == forecast_pb2.GetForecastResponse()


def test_an_operation_names_no_customer_and_stays() -> None:
    assert without_customer("farview.v1.StartScoringRequest", b"operation", "a") == b"operation"
