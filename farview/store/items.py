"""The catalogue."""

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import Engine, Float, cast, select

from farview.core.schemas import ITEMS as SCHEMA
from farview.store import bulk
from farview.store.ledger import LOOKUP
from farview.store.tables_items import ITEMS

_AMOUNTS = ("price", "margin")


def read(engine: Engine, item_ids: Sequence[str] | None) -> pa.Table:
    """See Store.items."""
    columns = (cast(ITEMS.c[name], Float(53)) if name in _AMOUNTS else ITEMS.c[name] for name in SCHEMA.names)
    query = select(*columns).order_by(ITEMS.c.item_id)
    with engine.connect() as connection:
        if item_ids is None:
            return bulk.read_table(connection, query, SCHEMA)
        ids = sorted(set(item_ids), key=str.encode)
        batches: list[pa.RecordBatch] = []
        for start in range(0, len(ids), LOOKUP):
            batches.extend(bulk.read(connection, query.where(ITEMS.c.item_id.in_(ids[start : start + LOOKUP])), SCHEMA))
    return pa.Table.from_batches(batches, SCHEMA)
