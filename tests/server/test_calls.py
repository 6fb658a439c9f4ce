"""What holds around every call: decoding, request ids, deadlines, errors that leak nothing, logs, metrics."""

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc import error_details_pb2
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from farview.core.errors import ArtifactMismatch, Unavailable
from farview.v1 import forecast_pb2 as pb
from farview.v1 import forecast_pb2_grpc
from server.interceptors import AnswerErrors, Observe
from server.logs import json_logger
from server.metrics import Metrics
from tests.server.conftest import Running
from tests.server.refusals import details, fields, refused

METHODS = [
    "ForecastService/GetForecast",
    "ForecastService/BatchGetForecasts",
    "ForecastService/ListForecasts",
    "ForecastService/ScoreCustomers",
    "PrioritizationService/PrioritizeCustomers",
    "PrioritizationService/RankItems",
    "FeedbackService/RecordTransactions",
    "ModelService/ListModelVersions",
    "ModelService/GetModelVersion",
    "ModelService/PromoteModelVersion",
]


@pytest.mark.parametrize("method", METHODS)
def test_undecodable_bytes_are_an_invalid_argument(reading: Running, method: str) -> None:
    call = reading.channel.unary_unary(f"/farview.v1.{method}")
    error = refused(lambda: call(b"\xff\xff\xff"))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["request"])


def request_id(call: grpc.Call) -> str:
    found: str = dict(call.trailing_metadata())["x-request-id"]
    return found


def test_the_callers_request_id_comes_back(reading: Running) -> None:
    metadata = (("x-request-id", "crm-42"),)
    _, call = reading.forecasts.ListForecasts.with_call(pb.ListForecastsRequest(page_size=1), metadata=metadata)
    assert request_id(call) == "crm-42"


def test_an_odd_request_id_is_replaced(reading: Running) -> None:
    metadata = (("x-request-id", 'x" ; injected'),)
    _, call = reading.forecasts.ListForecasts.with_call(pb.ListForecastsRequest(page_size=1), metadata=metadata)
    assert len(request_id(call)) == 32


def test_an_error_names_its_request_id(reading: Running) -> None:
    error = refused(lambda: reading.forecasts.GetForecast(pb.GetForecastRequest()))
    info = details(error)["RequestInfo"]
    assert isinstance(info, error_details_pb2.RequestInfo)
    assert info.request_id == request_id(error)


def test_each_call_is_one_json_line_with_its_request_id_and_code(reading: Running) -> None:
    error = refused(lambda: reading.forecasts.GetForecast(pb.GetForecastRequest()))
    lines = [json.loads(line) for line in reading.log.getvalue().splitlines()]
    mine = [line for line in lines if line.get("request_id") == request_id(error)]
    assert [(line["event"], line["method"], line["code"]) for line in mine] == [
        ("call", "GetForecast", "INVALID_ARGUMENT")
    ]


def test_a_message_over_four_mebibytes_is_refused(reading: Running) -> None:
    request = pb.GetForecastRequest(customer_id="x" * (4 * 1024 * 1024))
    assert refused(lambda: reading.forecasts.GetForecast(request)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


class Odd(forecast_pb2_grpc.ForecastServiceServicer):
    """A service that fails in ways that the real one must not, behind the real interceptors."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def GetForecast(self, request: pb.GetForecastRequest, context: grpc.ServicerContext) -> pb.GetForecastResponse:  # noqa: N802
        match request.customer_id:
            case "fault":
                raise RuntimeError("password=hunter2")
            case "artifact":
                raise ArtifactMismatch("/secret/path")
            case "unavailable":
                raise Unavailable("the database is out of reach")
            case "slow":
                self.begun.set()
                self.go_on.wait(10)
        self.done.append(request.customer_id)
        return pb.GetForecastResponse()


class OddServer:
    """A server of one thread around the odd service."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        self.service = Odd()
        self.metrics = Metrics(CollectorRegistry())
        self.server = grpc.server(
            ThreadPoolExecutor(1), interceptors=(Observe(logger, self.metrics), AnswerErrors(logger))
        )
        forecast_pb2_grpc.add_ForecastServiceServicer_to_server(self.service, self.server)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}")
        self.stub = forecast_pb2_grpc.ForecastServiceStub(self.channel)
        self.server.start()

    def ask(self, customer_id: str, timeout: float = 10.0) -> pb.GetForecastResponse:
        return self.stub.GetForecast(pb.GetForecastRequest(customer_id=customer_id), timeout=timeout)


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def odd(log: io.StringIO) -> Iterator[OddServer]:
    odd = OddServer(json_logger(log))
    yield odd
    odd.channel.close()
    odd.server.stop(None).wait()


@pytest.mark.parametrize("fault", ["fault", "artifact"])
def test_an_internal_error_says_nothing_but_its_request_id(odd: OddServer, fault: str) -> None:
    error = refused(lambda: odd.ask(fault))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == f"internal error; its cause is in the server's log under request id {request_id(error)}"
    assert list(details(error)) == ["RequestInfo"]


def test_the_log_has_the_traceback_of_an_internal_error(odd: OddServer, log: io.StringIO) -> None:
    error = refused(lambda: odd.ask("fault"))
    line = next(json.loads(line) for line in log.getvalue().splitlines() if "internal error" in line)
    assert line["request_id"] == request_id(error)
    assert "password=hunter2" in line["exception"]


def test_what_is_unavailable_says_when_to_retry(odd: OddServer) -> None:
    error = refused(lambda: odd.ask("unavailable"))
    retry = details(error)["RetryInfo"]
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert (error.code(), retry.retry_delay.seconds) == (grpc.StatusCode.UNAVAILABLE, 1)


def test_work_whose_deadline_passed_in_the_queue_is_not_begun(odd: OddServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(odd.ask, "slow")
        odd.service.begun.wait(10)
        late = refused(lambda: odd.ask("late", timeout=0.2))
        odd.service.go_on.set()
        slow.result()
    odd.ask("after")
    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert odd.service.done == ["slow", "after"]


def test_calls_are_counted_by_method_and_code(odd: OddServer) -> None:
    odd.ask("fine")
    refused(lambda: odd.ask("unavailable"))
    odd.ask("fine")
    labels = {"grpc_type": "unary", "grpc_service": "farview.v1.ForecastService", "grpc_method": "GetForecast"}
    counted = {
        code: odd.metrics.registry.get_sample_value("grpc_server_handled_total", {**labels, "grpc_code": code})
        for code in ("OK", "UNAVAILABLE")
    }
    assert counted["UNAVAILABLE"] == 1
    assert counted["OK"] >= 1  # the last may still be on its way out of the server
