"""Models, runs and forecasts with known content."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.schemas import FORECAST, GRID_BYTES, TOTALS
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ForecastRun, Lineage, ModelVersion, RunSpec

HORIZONS_DAYS = (30, 365)
KNOWN_AT = datetime(2024, 3, 1, tzinfo=UTC)


def lineage(why: str = "first") -> Lineage:
    return Lineage(
        as_of=date(2024, 2, 29),
        known_at=KNOWN_AT,
        snapshot_hash="5" * 64,
        feature_schema_hash="f" * 64,
        code_version="0.1.0",
        library_versions={"numpy": "2.4.0"},
        seed=7,
        configuration={"method": "laplace"},
        who="ada",
        why=why,
    )


def register(store: Store, artifact: bytes = b"draws") -> ModelVersion:
    return store.register_model(LTV_REVENUE, "bg_nbd", artifact, lineage(), {"k_hat": 0.2})


def spec(model: ModelVersion, as_of: date = date(2024, 2, 29), snapshot_hash: str = "5" * 64) -> RunSpec:
    return RunSpec(
        kind=model.kind,
        model_version=model.version,
        as_of=as_of,
        known_at=KNOWN_AT,
        snapshot_hash=snapshot_hash,
        config_hash="c" * 64,
        horizons_days=HORIZONS_DAYS,
        seed=0,
    )


def forecasts(customer_ids: list[str], seed: int = 0) -> pa.RecordBatch:
    """Random figures for each customer and horizon; every third customer has no p_alive."""
    generator = np.random.default_rng(seed)
    rows = len(customer_ids) * len(HORIZONS_DAYS)
    owners = np.repeat(np.arange(len(customer_ids)), len(HORIZONS_DAYS))
    columns = {}
    for field in FORECAST:
        if pa.types.is_fixed_size_binary(field.type):
            raw = generator.integers(0, 256, (rows, GRID_BYTES), dtype=np.uint8)
            columns[field.name] = pa.array([bytes(row) for row in raw], field.type)
        elif pa.types.is_date(field.type):
            columns[field.name] = pa.array(generator.integers(9000, 20000, rows).astype(np.int32)).cast(field.type)
        else:
            columns[field.name] = pa.array(generator.gamma(0.5, 20, rows))
    columns[c.CUSTOMER_ID] = pa.array([customer_ids[i] for i in owners], pa.string())
    columns[c.COHORT] = pa.array(["2024-01" if i % 2 else "2023-12" for i in owners])
    columns[c.HORIZON_DAYS] = pa.array(np.tile(HORIZONS_DAYS, len(customer_ids)), pa.int32())
    columns[c.P_ALIVE] = pa.array(generator.random(rows), mask=owners % 3 == 0)
    return pa.RecordBatch.from_arrays([columns[name] for name in FORECAST.names], schema=FORECAST)


def totals() -> pa.Table:
    """Two rows, the base last."""
    rows = [
        {"group_kind": kind, "group_name": name, "horizon_days": 30, "measure": "value", "customers": 3, "mean": mean}
        for kind, name, mean in (("cohort", "2024-01", 10.5), ("base", "", 31.5))
    ]
    return pa.Table.from_pylist([row | {"draws": [1.0, 2.0 / 3.0, 1e300]} for row in rows], schema=TOTALS)


def publish(store: Store, run: ForecastRun, batch: pa.RecordBatch) -> ForecastRun:
    store.stage(run, pa.Table.from_batches([batch]))
    return store.publish(run, totals(), who="ada")


def in_order(table: pa.Table | pa.RecordBatch) -> pa.Table:
    """By customer and horizon, in one chunk, so that equal content compares equal."""
    whole = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
    return whole.sort_by([(c.CUSTOMER_ID, "ascending"), (c.HORIZON_DAYS, "ascending")]).combine_chunks()
