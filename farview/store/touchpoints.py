"""Touches and conversions: those of a request written, those inside a cut or of some customers read."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Engine, Float, Select, cast, select

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.core.schemas import TOUCHPOINTS as SCHEMA
from farview.store import as_known, bulk, customers, ledger, rates, row_hash
from farview.store.batches import TOUCHPOINT_BATCH
from farview.store.rates import Converted, Sent
from farview.store.tables_touches import TOUCHPOINTS
from farview.store.values import Touchpoint, WriteCounts

CONVERSION = "conversion"
_LEDGER = ledger.LEDGERS["touchpoints"]


def record(connection: Connection, rows: Sequence[Touchpoint], *, who: str) -> WriteCounts:
    """See Store.record_touchpoints. Also adds the customers."""
    now = datetime.now(UTC)
    counts = ledger.add(connection, _LEDGER, _as_batch(connection, rows), ledger.Origin(who, None, now))
    customers.add(connection, (row.customer_id for row in rows), now)
    return counts


def read(engine: Engine, cut: Cut, zone: str) -> pa.RecordBatchReader:
    """See Store.touchpoints."""
    return pa.RecordBatchReader.from_batches(
        SCHEMA, _batches(engine, _select(as_known.visible(TOUCHPOINTS, cut, zone)))
    )


def read_of(engine: Engine, customer_ids: Sequence[str], before: datetime) -> pa.Table:
    """See Store.touchpoints_of."""
    now = _select(TOUCHPOINTS.c.time < before, TOUCHPOINTS.c.superseded_at.is_(None))
    batches: list[pa.RecordBatch] = []
    for start in range(0, len(customer_ids), ledger.LOOKUP):
        some = TOUCHPOINTS.c.customer_id.in_(customer_ids[start : start + ledger.LOOKUP])
        batches.extend(_batches(engine, now.where(some)))
    return pa.Table.from_batches(batches, SCHEMA)


def _batches(engine: Engine, query: Select[tuple[object, ...]]) -> Iterator[pa.RecordBatch]:
    with engine.connect() as connection:
        yield from bulk.read(connection, query, SCHEMA)


def _select(*conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    value = cast(TOUCHPOINTS.c.conversion_value, Float(53))
    columns = (value if name == c.CONVERSION_VALUE else TOUCHPOINTS.c[name] for name in SCHEMA.names)
    return select(*columns).where(*conditions)


def _as_batch(connection: Connection, rows: Sequence[Touchpoint]) -> pa.RecordBatch:
    for i, row in enumerate(rows):
        _check(row, f"touchpoints[{i}]")
    sent = [_sent(row, f"touchpoints[{i}].conversion_value") for i, row in enumerate(rows)]
    pairs = zip(rows, rates.convert(connection, sent), strict=True)
    values = [asdict(row) | ({} if worth is None else _worth(worth)) for row, worth in pairs]
    hashed = [value | {"row_hash": row_hash.of("touchpoints", value)} for value in values]
    return pa.RecordBatch.from_pylist(hashed, schema=TOUCHPOINT_BATCH)


def _sent(row: Touchpoint, path: str) -> Sent | None:
    return None if row.conversion_value is None else Sent(row.conversion_value, row.currency, row.time, path)


def _worth(worth: Converted) -> dict[str, Any]:
    return {
        c.CONVERSION_VALUE: worth.amount,
        "original_value": worth.original_amount,
        "original_currency": worth.original_currency,
    }


def _check(row: Touchpoint, path: str) -> None:
    value, propensity = row.conversion_value, row.propensity
    if row.time.tzinfo is None:
        raise InvalidInput.of(f"{path}.time", "has no time zone")
    if row.channel is None and row.interaction != CONVERSION:
        raise InvalidInput.of(f"{path}.channel", "is missing (only a conversion may lack it)")
    if value is not None and row.interaction != CONVERSION:
        raise InvalidInput.of(f"{path}.conversion_value", "belongs to conversions only")
    if propensity is not None and not 0 < propensity <= 1:
        raise InvalidInput.of(f"{path}.propensity", f"{propensity} is not in (0, 1]")
