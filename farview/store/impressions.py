"""Lists that were shown: those inside a cut, or the last ones of a customer."""

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Engine, Select, select

from farview.core.clock import Cut
from farview.core.schemas import IMPRESSIONS as SCHEMA
from farview.store import as_known, bulk
from farview.store.tables_items import IMPRESSIONS


def read(engine: Engine, cut: Cut, zone: str) -> pa.RecordBatchReader:
    """See Store.impressions."""
    return pa.RecordBatchReader.from_batches(
        SCHEMA, _batches(engine, _select().where(as_known.visible(IMPRESSIONS, cut, zone)))
    )


def read_of(engine: Engine, customer_id: str, before: datetime, most: int) -> pa.Table:
    """See Store.impressions_of."""
    query = _select().where(
        IMPRESSIONS.c.customer_id == customer_id, IMPRESSIONS.c.time < before, IMPRESSIONS.c.superseded_at.is_(None)
    )
    newest = query.order_by(IMPRESSIONS.c.time.desc(), IMPRESSIONS.c.impression_key.desc()).limit(most)
    return pa.Table.from_batches(list(_batches(engine, newest)), SCHEMA)


def _select() -> Select[tuple[object, ...]]:
    return select(*(IMPRESSIONS.c[name] for name in SCHEMA.names))


def _batches(engine: Engine, query: Select[tuple[object, ...]]) -> Iterator[pa.RecordBatch]:
    with engine.connect() as connection:
        yield from bulk.read(connection, query, SCHEMA)
