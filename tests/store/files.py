"""Files in memory, imported as jobs import theirs."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pyarrow as pa

from farview.store import row_hash
from farview.store.batches import BATCHES
from farview.store.store import Store
from farview.store.values import ImportedFile, ImportSource


def imported(
    store: Store, kind: str, *batches: Sequence[dict[str, Any]], source: ImportSource | None = None
) -> ImportedFile:
    """Imports rows, batch by batch; without a source, as a file never seen before."""
    file = source or ImportSource(f"{kind}.csv", uuid4().hex, {})
    return store.import_file(kind, file, (batch(kind, rows) for rows in batches), lambda: 0, who="ada")


def batch(kind: str, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Rows as a batch of their kind; columns that a row lacks are null."""
    hashed = [
        row | {"row_hash": row_hash.of(kind, dict.fromkeys(row_hash.CONTENT[kind]) | row)}
        if kind in row_hash.CONTENT
        else row
        for row in rows
    ]
    return pa.RecordBatch.from_pylist(hashed, schema=BATCHES[kind])
