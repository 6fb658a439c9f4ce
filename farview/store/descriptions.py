"""Tables that hold what is true now of customers and of items, one row each. What a file does not say stays."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Table, select

from farview.store import bulk
from farview.store.ledger import LOOKUP
from farview.store.tables import CUSTOMERS
from farview.store.tables_items import ITEMS
from farview.store.values import WriteCounts

DESCRIBED: Mapping[str, Table] = {"customers": CUSTOMERS, "items": ITEMS}
"""By the kind of file that fills them."""

_INSTANT = pa.timestamp("us", tz="UTC")
_Row = dict[str, Any]


def merge(connection: Connection, table: Table, batch: pa.RecordBatch, now: datetime) -> WriteCounts:
    """Merges a batch of the table's kind, in its order, by its key.

    Null leaves what is stored. The JSON objects in `attributes` are merged by key, in which null removes a key.
    """
    rows = batch.to_pylist()
    (key,) = (column.name for column in table.primary_key.columns)
    known = _stored(connection, table, batch.schema.names, [row[key] for row in rows])
    changed: dict[str, _Row] = {}
    counts = Counter[str]()
    for row in rows:
        before = known.get(row[key])
        after = _merged(before or {}, row)
        counts["added" if before is None else "unchanged" if before == after else "corrected"] += 1
        if before != after:
            known[row[key]] = changed[row[key]] = after
    written = [changed[name] for name in sorted(changed, key=str.encode)]  # sorted: two writers never deadlock
    merged = pa.RecordBatch.from_pylist(written, schema=batch.schema)
    for name in ("created_at", "described_at"):
        merged = merged.append_column(name, pa.array([now] * len(written), _INSTANT))
    bulk.upsert(connection, table, merged, keep=("created_at",))
    return WriteCounts(**counts)


def _merged(before: _Row, row: _Row) -> _Row:
    """A row as it will stand."""
    after = {name: before.get(name) if value is None else value for name, value in row.items()}
    attributes = json.loads(before.get("attributes") or "{}") | json.loads(row["attributes"])
    kept = {name: value for name, value in attributes.items() if value is not None}
    return after | {"attributes": json.dumps(kept, sort_keys=True)}


def _stored(connection: Connection, table: Table, names: Sequence[str], keys: Sequence[str]) -> dict[str, _Row]:
    """What is stored of those keys; customers whom no file has described yet are not among them."""
    (key,) = table.primary_key.columns
    query = select(*(table.c[name] for name in names)).where(table.c.described_at.is_not(None))
    query = query.order_by(key).with_for_update()  # until it is written again, nobody else merges into it
    found: dict[str, _Row] = {}
    ids = sorted(set(keys), key=str.encode)
    for start in range(0, len(ids), LOOKUP):
        for row in connection.execute(query.where(key.in_(ids[start : start + LOOKUP]))):
            found[row._mapping[key]] = {name: _comparable(value) for name, value in row._mapping.items()}
    return found


def _comparable(value: Any) -> Any:
    """Amounts as files give them: the stored double has the same six decimals."""
    return Decimal(f"{value:.6f}") if isinstance(value, float) else value
