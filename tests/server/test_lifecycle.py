"""From start to SIGTERM: readiness, reflection, swapping runs, draining."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from farview.core.errors import FailedPrecondition
from farview.store.values import Transaction
from farview.v1 import forecast_pb2, forecast_pb2_grpc, forecast_run_pb2
from jobs.score import score_ltv
from jobs.train import train_ltv
from server.logs import json_logger
from server.options import ServerOptions
from server.port_lock import port_lock
from server.wiring import SERVICES, start
from tests.server.conftest import HORIZONS_DAYS, Running, eventually
from tests.server.refusals import refused


def reflect(
    running: Running, request: reflection_pb2.ServerReflectionRequest
) -> reflection_pb2.ServerReflectionResponse:
    stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
    return next(iter(stub.ServerReflectionInfo(iter([request]))))


def test_reflection_lists_the_services(reading: Running) -> None:
    answer = reflect(reading, reflection_pb2.ServerReflectionRequest(list_services=""))
    assert {service.name for service in answer.list_services_response.service} >= set(SERVICES)


def test_nothing_declared_is_unimplemented(reading: Running) -> None:
    for service in SERVICES:
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)
        files = reflect(reading, request).file_descriptor_response.file_descriptor_proto
        declared = next(s for f in files for s in FileDescriptorProto.FromString(f).service if service.endswith(s.name))
        for method in declared.method:
            error = refused(lambda name=method.name: reading.channel.unary_unary(f"/{service}/{name}")(b"\xff"))  # noqa: B023
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, method.name


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_a_started_server_is_serving(reading: Running, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(reading.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def served_run(running: Running) -> forecast_run_pb2.ForecastRun:
    return running.forecasts.ListForecasts(forecast_pb2.ListForecastsRequest(page_size=1)).forecast_run


def refresh_seen(running: Running) -> bool:
    return "snapshot swapped" in running.log.getvalue()


def publish_newer(running: Running) -> None:
    score_ltv(running.store, as_of=date(1997, 12, 31), horizons_days=HORIZONS_DAYS, who="test")


def test_a_newly_published_run_is_served_without_a_restart(writing: Running) -> None:
    before = served_run(writing).forecast_run_id
    publish_newer(writing)
    eventually(lambda: served_run(writing).forecast_run_id != before)
    assert served_run(writing).as_of_date.month == 12


def test_a_server_that_started_before_the_first_run_comes_to_serve_it(
    empty: Running, histories: dict[str, list[tuple[datetime, Decimal]]]
) -> None:
    assert refused(lambda: served_run(empty)).code() is grpc.StatusCode.FAILED_PRECONDITION
    rows = [Transaction(name, time, amount, "USD") for name, bought in histories.items() for time, amount in bought]
    empty.store.record_transactions(rows, who="test")
    train_ltv(empty.store, method="map", who="test")
    run = score_ltv(empty.store, horizons_days=HORIZONS_DAYS, who="test")
    eventually(lambda: refresh_seen(empty))
    assert served_run(empty).forecast_run_id == str(run.run_id)


def test_the_pages_of_a_list_come_from_one_run_though_a_newer_is_published(writing: Running) -> None:
    request = forecast_pb2.ListForecastsRequest(page_size=100)
    first = writing.forecasts.ListForecasts(request)
    publish_newer(writing)
    eventually(lambda: served_run(writing).forecast_run_id != first.forecast_run.forecast_run_id)
    request.page_token = first.next_page_token
    assert writing.forecasts.ListForecasts(request).forecast_run == first.forecast_run


def test_an_older_run_can_be_asked_for_by_id(writing: Running) -> None:
    old = served_run(writing)
    publish_newer(writing)
    eventually(lambda: served_run(writing).forecast_run_id != old.forecast_run_id)
    request = forecast_pb2.ListForecastsRequest(page_size=1, forecast_run_id=old.forecast_run_id)
    assert writing.forecasts.ListForecasts(request).forecast_run == old


def test_a_taken_port_is_said(reading: Running) -> None:
    with pytest.raises(FailedPrecondition, match=f"port {reading.server.port} is taken"):
        start(reading.store, ServerOptions(port=reading.server.port), json_logger(sys.stderr))


def test_one_process_a_port() -> None:
    with port_lock(65_001):
        code = "from server.port_lock import port_lock\nwith port_lock(65001): pass"
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "port 65001 is taken" in second.stderr


SERVE = r"""
import json, re, sys, time
from pathlib import Path
from server.main import prepare_process, serve
from server.options import ServerOptions

def announce(port):
    # Not ru_maxrss, which begins with what the process that forked this one had reached.
    status = Path("/proc/self/status").read_text()
    peak_kb = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
    print(json.dumps({"port": port, "cpu_seconds": time.process_time(), "peak_mb": peak_kb / 1024}), flush=True)

prepare_process()
serve(sys.argv[1], ServerOptions(port=0, workers=2), announce)
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """A process that was asked to stop while it answered."""

    port: int
    cpu_seconds: float  # until it was ready
    peak_mb: float  # until it was ready
    answer: forecast_pb2.ScoreCustomersResponse
    exit_code: int
    log: list[dict[str, str]]


@pytest.fixture(scope="module")
def drained(scored: Path) -> Drained:
    """`serve` in a process of its own, sent SIGTERM while it scores a thousand customers."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, f"sqlite:///{scored}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    bought = {
        "transaction_time": datetime(1997, 1, 1, tzinfo=UTC),
        "amount": {"currency_code": "USD", "units": 5},
    }
    request = forecast_pb2.ScoreCustomersRequest(
        histories=[{"customer_id": str(i), "transactions": [bought] * (1 + i % 90)} for i in range(1_000)]
    )
    with grpc.insecure_channel(f"127.0.0.1:{ready['port']}") as channel, ThreadPoolExecutor(1) as pool:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        stub.ListForecasts(forecast_pb2.ListForecastsRequest(page_size=1))  # connected
        under_way = pool.submit(stub.ScoreCustomers, request)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        answer = under_way.result(30)
    _, log = process.communicate(timeout=30)
    lines = [json.loads(line) for line in log.splitlines()]
    return Drained(**ready, answer=answer, exit_code=process.returncode, log=lines)


def test_sigterm_lets_a_call_under_way_end(drained: Drained) -> None:
    assert len(drained.answer.results) == 1_000
    assert [line["event"] for line in drained.log][-3:] == ["draining", "call", "stopped"]


def test_a_server_is_ready_only_with_its_model_and_its_run(drained: Drained) -> None:
    events = [line["event"] for line in drained.log]
    assert events[:3] == ["model loaded", "snapshot swapped", "serving"]


def test_a_drained_process_exits_0(drained: Drained) -> None:
    assert drained.exit_code == 0


def test_a_server_is_ready_after_five_seconds_of_work(drained: Drained) -> None:
    assert drained.cpu_seconds < 5


def test_a_ready_server_stays_under_600_megabytes(drained: Drained) -> None:
    assert drained.peak_mb < 600
