"""Servers over a database with touches and a journey model, and how tests ask them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from farview.store.batches import CONSENT_BATCH
from farview.store.store import Store
from farview.store.values import ImportSource
from farview.v1 import journey_pb2 as pb
from farview.v1 import journey_pb2_grpc
from jobs.train_journeys import JourneyFit, train_journeys
from tests.jobs.journey_business import LAST_DAY, WORLD, fill, log
from tests.server.conftest import Running, _copy, _run

CUSTOMERS = 120
CHANNELS = tuple(sorted(WORLD.channels))
TOUCHED = sorted({row.customer_id for row in log(CUSTOMERS) if row.interaction != "conversion"})
WHO = TOUCHED[0]
EVENING = datetime(2025, 3, 31, 23, tzinfo=UTC)


@pytest.fixture(scope="session")
def learnt(initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 120 customers' touches and a chain fitted to them."""
    path = _copy(initialised, tmp_path_factory.mktemp("learnt"))
    store = Store.open(f"sqlite:///{path}")
    fill(store, CUSTOMERS)
    train_journeys(store, fit=JourneyFit("markov"), as_of=LAST_DAY, who="test")
    store.close()
    return path


@pytest.fixture
def planning(learnt: Path, tmp_path: Path) -> Iterator[Running]:
    """A server over a copy of it, the test's own."""
    yield from _run(_copy(learnt, tmp_path))


@pytest.fixture(scope="session")
def planning_all(learnt: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for tests that leave nothing which others could see."""
    yield from _run(_copy(learnt, tmp_path_factory.mktemp("planning")))


def stub(running: Running) -> journey_pb2_grpc.JourneyServiceStub:
    """JourneyService of a server."""
    return journey_pb2_grpc.JourneyServiceStub(running.channel)


def request(request_id: str = "r1", **changes: Any) -> pb.PlanJourneyRequest:
    """A plan for WHO at the end of the log, worth making."""
    whole = {
        "request_id": request_id,
        "customer_id": WHO,
        "plan_time": EVENING,
        "conversion_margin": {"currency_code": "USD", "units": 500},
    }
    return pb.PlanJourneyRequest(**{**whole, **changes})


def plan(running: Running, request_id: str = "r1", **changes: Any) -> pb.JourneyPlan:
    """The plan that is answered."""
    return stub(running).PlanJourney(request(request_id, **changes)).plan


def channels(found: pb.JourneyPlan) -> list[str]:
    """In the order of the step table."""
    return [touch.channel for touch in found.touches]


def consent(store: Store, channel: str, *, allowed: bool, day: int = 1, customer_id: str = WHO, **changes: Any) -> None:
    """Records what a customer said about being contacted."""
    row = {
        "customer_id": customer_id,
        "channel": channel,
        "purpose": "marketing",
        "allowed": allowed,
        "time": datetime(2025, 1, day, tzinfo=UTC),
        **changes,
    }
    batch = pa.RecordBatch.from_pylist([row], schema=CONSENT_BATCH)
    source = ImportSource("consents.csv", f"{hash(str(row)) % 2**64:064x}", {})
    store.import_file("consents", source, [batch], lambda: 0, who="test")
