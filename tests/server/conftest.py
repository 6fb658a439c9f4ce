"""A real scored database: 300 CDNOW customers, BG/NBD, one published run; and servers over it."""

import csv
import gzip
import io
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import grpc
import pyarrow as pa
import pytest

from farview.client import FarviewClient
from farview.store.migrate import upgrade
from farview.store.store import Store
from farview.store.values import Business, Transaction
from farview.v1 import (
    catalog_pb2_grpc,
    feedback_pb2_grpc,
    forecast_pb2_grpc,
    model_pb2_grpc,
    prioritization_pb2_grpc,
    segment_pb2_grpc,
)
from jobs.score import score_ltv
from jobs.train import train_ltv
from server.logs import json_logger
from server.options import ServerOptions
from server.wiring import FarviewServer, start

CUSTOMERS = 300
HORIZONS_DAYS = (90, 273)
AS_OF = date(1997, 9, 30)


def eventually(holds: Callable[[], bool]) -> None:
    """Waits up to ten seconds."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "did not come to hold within 10 s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def histories(cdnow_sample: Path) -> dict[str, list[tuple[datetime, Decimal]]]:
    """Purchases of every seventh customer of the CDNOW sample, 300 in all, of all three cohorts."""
    found: dict[str, list[tuple[datetime, Decimal]]] = {}
    with gzip.open(cdnow_sample, "rt") as file:
        for row in csv.DictReader(file):
            time = datetime.fromisoformat(row["time"]).replace(tzinfo=UTC)
            found.setdefault(row["customer_id"], []).append((time, Decimal(row["amount"])))
    return dict(list(found.items())[: 7 * CUSTOMERS : 7])


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that `farview init` made: no transactions, no model, no run. Copy it."""
    path = tmp_path_factory.mktemp("initialised") / "farview.db"
    upgrade(f"sqlite:///{path}")
    store = Store.open(f"sqlite:///{path}")
    store.set_business(Business("UTC", "USD", consent_required=False))
    store.close()
    return path


@pytest.fixture(scope="session")
def scored(
    initialised: Path,
    histories: dict[str, list[tuple[datetime, Decimal]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The scored database. Tests that write take `database`, a copy."""
    path = _copy(initialised, tmp_path_factory.mktemp("scored"))
    store = Store.open(f"sqlite:///{path}")
    rows = [
        Transaction(customer_id, time, amount, "USD")
        for customer_id, purchases in histories.items()
        for time, amount in purchases
    ]
    store.record_transactions(rows, who="test")
    train_ltv(store, as_of=AS_OF, method="map", who="test")
    score_ltv(store, as_of=AS_OF, horizons_days=HORIZONS_DAYS, who="test")
    store.close()
    return path


@dataclass(frozen=True, slots=True)
class Running:
    """A server in this process, a channel to it, its store and its log."""

    server: FarviewServer
    store: Store
    channel: grpc.Channel
    log: io.StringIO

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def forecasts(self) -> forecast_pb2_grpc.ForecastServiceStub:
        return forecast_pb2_grpc.ForecastServiceStub(self.channel)

    @property
    def prioritization(self) -> prioritization_pb2_grpc.PrioritizationServiceStub:
        return prioritization_pb2_grpc.PrioritizationServiceStub(self.channel)

    @property
    def feedback(self) -> feedback_pb2_grpc.FeedbackServiceStub:
        return feedback_pb2_grpc.FeedbackServiceStub(self.channel)

    @property
    def segments(self) -> segment_pb2_grpc.SegmentServiceStub:
        return segment_pb2_grpc.SegmentServiceStub(self.channel)

    @property
    def catalog(self) -> catalog_pb2_grpc.CatalogServiceStub:
        return catalog_pb2_grpc.CatalogServiceStub(self.channel)

    @property
    def models(self) -> model_pb2_grpc.ModelServiceStub:
        return model_pb2_grpc.ModelServiceStub(self.channel)


def _run(path: Path) -> Iterator[Running]:
    yield from _serve(f"sqlite:///{path}")


def _serve(url: str) -> Iterator[Running]:
    store, log = Store.open(url), io.StringIO()
    server = start(store, ServerOptions(port=0, workers=4, poll_seconds=0.05), json_logger(log))
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Running(server, store, channel, log)
    server.stop(drain_seconds=1.0)
    store.close()


def _copy(source: Path, folder: Path) -> Path:
    return Path(shutil.copy(source, folder / "farview.db"))


@pytest.fixture(scope="session")
def reading(scored: Path) -> Iterator[Running]:
    """One server for all tests that only read."""
    yield from _run(scored)


@pytest.fixture
def database_file(scored: Path, tmp_path: Path) -> Path:
    """A copy of the scored database, the test's own."""
    return _copy(scored, tmp_path)


@pytest.fixture
def writing(database_file: Path) -> Iterator[Running]:
    """A server over a database of the test's own."""
    yield from _run(database_file)


@pytest.fixture
def empty(initialised: Path, tmp_path: Path) -> Iterator[Running]:
    """A server over an initialised database without model or run."""
    yield from _run(_copy(initialised, tmp_path))


@pytest.fixture
def either(database_url: str) -> Iterator[Running]:
    """A server over an initialised database of each kind, without model or run."""
    store = Store.open(database_url)
    store.set_business(Business("UTC", "USD", consent_required=False))
    store.close()
    yield from _serve(database_url)


@pytest.fixture
def client(reading: Running) -> Iterator[FarviewClient]:
    """A client of the reading server."""
    with FarviewClient(reading.address) as farview:
        yield farview


@pytest.fixture
def stored(reading: Running) -> Callable[..., pa.Table]:
    """Rows of the published run as the store has them."""

    def rows(*customer_ids: str) -> pa.Table:
        run = reading.store.latest_run()
        assert run is not None
        return reading.store.forecasts(run.run_id, customer_ids)

    return rows
