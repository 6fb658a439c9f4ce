"""PrioritizeCustomers over many stored forecasts: python -m benchmarks.prioritize [CUSTOMERS].

Makes an SQLite database with that many forecasts (default 1,000,000), loads the snapshot of a server, and times the
method as the server runs it, but for the transport: check, candidates, scores, consent and caps from SQL, the rule, the
ledger, the answer. Times are of the processor and of the wall. Memory of a call is what numpy and Python hold at most
while it is answered; private memory of the process, without the pages of mapped files, is told before and after rounds
of further calls of every kind.
"""

import io
import sys
import tempfile
import time
import tracemalloc
import uuid
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from farview.core import columns as c
from farview.core.schemas import FORECAST, GRID_BYTES, TOTALS, TREATMENT_EFFECTS
from farview.store import customers as customers_known
from farview.store.engine import write
from farview.store.migrate import upgrade
from farview.store.promises import GuaranteeTerms
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, UPLIFT, Business, Lineage, RunSpec
from farview.v1 import prioritization_pb2 as pb
from ranking import prioritize
from server.feedback_tokens import FeedbackTokens
from server.journeys import ServedJourneys
from server.logs import json_logger
from server.metrics import Metrics
from server.relevance import ServedRankers
from server.services.prioritization import PrioritizationService
from server.snapshot import Served

CUSTOMERS = 1_000_000
CALLS, WARM_UP = 7, 2
BATCH = 100_000
NEW = 'first_purchase_date >= "2024-01-20"'
REQUESTS: dict[str, dict[str, Any]] = {
    "1,000 by expected value": {},
    "within a filter": {"filter": "p_alive > 0.5"},
    "two floors": {
        "floors": [
            {"floor_id": "new", "cohort_filter": NEW, "share": 0.2},
            {"floor_id": "asleep", "cohort_filter": "p_alive < 0.2", "share": 0.1},
        ]
    },
    "consent and a cap": {
        "contact": {"channel": "email"},
        "caps": [{"max_contacts": 2, "window_days": 7}],
    },
    "two guarantees": {"guarantee_ids": ["new"]},
    "by a Thompson draw": {"score": {"thompson": {}}},
    "by exceedance": {"score": {"exceedance": {"threshold": 100}}},
    "by CVaR": {"score": {"conditional_tail": {"tail": 0.25}}},
    "by treatment effect": {"score": {"treatment_effect": {"action": "email"}}},
    "damped by fatigue": {"score": {"fatigue": {"retained_share": 0.8}}},
}
ROUNDS, CALLS_A_ROUND = 4, 5


def main(customers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = stored(Path(folder), customers)
        logger = json_logger(io.StringIO())
        served = Served(store, logger, Metrics(CollectorRegistry()))
        served.refresh()
        prioritize.warm()
        rankers = ServedRankers(store, ServedJourneys(store, logger), logger)
        service = PrioritizationService(store, served, rankers, FeedbackTokens([bytes(32)]))
        heads = ("1,000 of all", "median s", "most s", "processor s", "MB of a call")
        table = Table(*heads, title=f"PrioritizeCustomers, {customers:,}")
        for name, asked in REQUESTS.items():
            wall, processor = times(service, asked)
            figures = np.median(wall), max(wall), np.median(processor)
            table.add_row(name, *(f"{seconds:.2f}" for seconds in figures), f"{_held_mb(service, asked):,.0f}")
        private = [_private_mb()]
        for _ in range(ROUNDS):
            for _ in range(CALLS_A_ROUND):
                for asked in REQUESTS.values():
                    call(service, asked)
            private.append(_private_mb())
        rounds = ", ".join(f"{mb:,.0f}" for mb in private)
        table.caption = f"private MB: {rounds}, each after {CALLS_A_ROUND} more calls of every kind"
        Console().print(table)
        store.close()


def times(service: PrioritizationService, asked: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Seconds of each call after the warm-up: of the wall, of the processor."""
    wall, processor = [], []
    for _ in range(WARM_UP + CALLS):
        began = time.perf_counter(), time.process_time()
        call(service, asked)
        wall.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    return wall[WARM_UP:], processor[WARM_UP:]


def call(service: PrioritizationService, asked: dict[str, Any]) -> bytes:
    """The answer as it is sent."""
    once = {"request_id": uuid.uuid4().hex} if "guarantee_ids" in asked else {}
    request = pb.PrioritizeCustomersRequest(**{"capacity": 1_000, **asked, **once})
    return service.PrioritizeCustomers(request, _patient()).SerializeToString()


def _patient() -> Mock:
    """A caller without a deadline."""
    return Mock(**{"time_remaining.return_value": None, "peer.return_value": "benchmark"})


def _held_mb(service: PrioritizationService, asked: dict[str, Any]) -> float:
    tracemalloc.start()
    call(service, asked)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def _private_mb() -> float:
    """Of Linux alone: resident pages that no file is behind."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1e3


def stored(folder: Path, customers: int) -> Store:
    """A database with one published run of random forecasts at one horizon, and two guarantees."""
    url = f"sqlite:///{folder / 'farview.db'}"
    upgrade(url)
    store = Store.open(url)
    store.set_business(Business("UTC", "EUR", consent_required=False))
    day, now = date(2024, 2, 29), datetime.now(UTC)
    lineage = Lineage(day, now, "s", "f", "0", {}, 0, {}, "benchmark", "")
    model = store.register_model(LTV_REVENUE, "random", b"-", lineage, {})
    parts = -(-customers // BATCH)
    run = store.begin_run(RunSpec(model.kind, model.version, day, now, "s", "c", (90,), 0), parts)
    for part in range(parts):
        numbers = range(part * BATCH, min((part + 1) * BATCH, customers))
        batch = forecasts(numbers)
        store.stage(run, pa.Table.from_batches([batch]), part=part)
        names = batch.column(c.CUSTOMER_ID).to_pylist()
        write(store._engine, lambda connection, names=names: customers_known.add(connection, names, now))
    store.publish(run, TOTALS.empty_table(), who="benchmark")
    uplift = store.register_model(UPLIFT, "random", b"-", lineage, {})
    store.publish_effects(uplift, day, (effects(part, customers) for part in range(parts)), who="benchmark")
    for name, where in (("new", NEW), ("asleep", "p_alive < 0.2")):
        store.set_guarantee(GuaranteeTerms(name, "mail", Fraction(1, 5), where, None, 3_650), who="benchmark")
    return store


def effects(part: int, customers: int) -> pa.RecordBatch:
    numbers = range(part * BATCH, min((part + 1) * BATCH, customers))
    names, drawn = (
        pa.array([f"C{number:09d}" for number in numbers]),
        np.random.default_rng(part).normal(size=len(numbers)),
    )
    columns = [names, pa.array(["email"] * len(numbers)), pa.array(drawn)]
    return pa.RecordBatch.from_arrays(columns, schema=TREATMENT_EFFECTS)


def forecasts(numbers: range) -> pa.RecordBatch:
    random = np.random.default_rng(numbers.start)
    rows = len(numbers)
    filled = {}
    for field in FORECAST:
        if pa.types.is_fixed_size_binary(field.type):
            codes = np.sort(random.gamma(1.0, 1.0, (rows, GRID_BYTES // 2)).astype("<f2"), axis=1)
            filled[field.name] = pa.FixedSizeBinaryArray.from_buffers(field.type, rows, [None, pa.py_buffer(codes)])
        elif pa.types.is_date(field.type):
            filled[field.name] = pa.array(random.integers(19_700, 19_780, rows).astype(np.int32)).cast(field.type)
        else:
            filled[field.name] = pa.array(random.gamma(0.5, 20, rows))
    filled[c.CUSTOMER_ID] = pa.array([f"C{number:09d}" for number in numbers])
    filled[c.COHORT] = pa.array(np.array(["2023-12", "2024-01", "2024-02"])[random.integers(0, 3, rows)])
    filled[c.HORIZON_DAYS] = pa.array(np.full(rows, 90, dtype=np.int32))
    for name in (c.P_ALIVE, "value_p_zero"):
        filled[name] = pa.array(random.random(rows))
    return pa.RecordBatch.from_arrays([filled[name] for name in FORECAST.names], schema=FORECAST)


if __name__ == "__main__":
    main(int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else CUSTOMERS)
