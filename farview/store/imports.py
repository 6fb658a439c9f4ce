"""Files, each imported once."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine, func, insert, select, update

from farview.store import audit, customers, descriptions, ledger
from farview.store.descriptions import DESCRIBED
from farview.store.engine import write
from farview.store.ledger import LEDGERS, Ledger, Origin
from farview.store.tables import IMPORT_FILES
from farview.store.values import ImportedFile, ImportSource, WriteCounts


def imported_before(engine: Engine, kind: str, source: ImportSource) -> ImportedFile | None:
    """See Store.imported_before."""
    with engine.connect() as connection:
        return _find(connection, kind, source)


def import_file(
    engine: Engine,
    kind: str,
    source: ImportSource,
    batches: Iterable[pa.RecordBatch],
    rejected: Callable[[], int],
    *,
    who: str,
) -> ImportedFile:
    """See Store.import_file.

    One transaction, also on SQLite, whose WAL then grows by the size of the rows (90 bytes each) until the commit:
    half a file in the tables would be worse, because without ids nothing could tell which half.
    """
    unread = iter(batches)

    def work(connection: Connection) -> ImportedFile:
        before = _find(connection, kind, source)
        return before if before is not None else _import(connection, kind, source, unread, rejected, who)

    return write(engine, work, attempts=1)  # the batches can be read only once


def _import(
    connection: Connection,
    kind: str,
    source: ImportSource,
    batches: Iterable[pa.RecordBatch],
    rejected: Callable[[], int],
    who: str,
) -> ImportedFile:
    now = datetime.now(UTC)
    import_id = _begin(connection, kind, source, now)
    origin = Origin(who, import_id, now)
    if kind in LEDGERS:
        counts = _append(connection, LEDGERS[kind], batches, origin)
    else:
        merged = (descriptions.merge(connection, DESCRIBED[kind], batch, now) for batch in batches)
        counts = sum(merged, WriteCounts())
    result = ImportedFile(import_id, counts, rejected(), now, before=False)
    numbers = {
        "rows_imported": counts.added,
        "rows_unchanged": counts.unchanged,
        "rows_corrected": counts.corrected,
        "rows_rejected": result.rejected,
    }
    connection.execute(update(IMPORT_FILES).where(IMPORT_FILES.c.import_id == import_id).values(numbers))
    audit.append(connection, who, "import", {f"imports/{import_id}": {"kind": kind, "name": source.name, **numbers}})
    return result


def _append(connection: Connection, to: Ledger, batches: Iterable[pa.RecordBatch], origin: Origin) -> WriteCounts:
    (key,) = to.table.primary_key.columns
    last_key = connection.execute(select(func.coalesce(func.max(key), 0))).scalar_one()
    counts = WriteCounts()
    for batch in batches:
        counts += ledger.add(connection, to, batch, origin)
    assert origin.import_id is not None
    if "customer_id" in to.table.c:
        customers.add_imported(connection, to.table, origin.import_id, last_key, origin.now)
    return counts


def _begin(connection: Connection, kind: str, source: ImportSource, now: datetime) -> int:
    statement = insert(IMPORT_FILES).values(
        kind=kind,
        content_hash=source.content_hash,
        mapping=_canonical(source.mapping),
        name=source.name,
        rows_imported=0,
        rows_unchanged=0,
        rows_corrected=0,
        rows_rejected=0,
        imported_at=now,
    )
    import_id: int = connection.execute(statement.returning(IMPORT_FILES.c.import_id)).scalar_one()
    return import_id


def _find(connection: Connection, kind: str, source: ImportSource) -> ImportedFile | None:
    query = select(IMPORT_FILES).where(
        IMPORT_FILES.c.kind == kind,
        IMPORT_FILES.c.content_hash == source.content_hash,
        IMPORT_FILES.c.mapping == _canonical(source.mapping),
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    counts = WriteCounts(row.rows_imported, row.rows_unchanged, row.rows_corrected)
    return ImportedFile(row.import_id, counts, row.rows_rejected, row.imported_at, before=True)


def _canonical(mapping: Mapping[str, str]) -> str:
    return json.dumps(dict(mapping), sort_keys=True)
