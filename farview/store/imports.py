"""Files of transactions, each imported once."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from farview.store import audit, ledger
from farview.store.engine import write
from farview.store.tables import CUSTOMERS, IMPORT_FILES, TRANSACTIONS
from farview.store.values import ImportedFile, ImportSource, WriteCounts


def imported_before(engine: Engine, source: ImportSource) -> ImportedFile | None:
    """See Store.imported_before."""
    with engine.connect() as connection:
        return _find(connection, source)


def import_file(
    engine: Engine, source: ImportSource, batches: Iterable[pa.RecordBatch], rejected: Callable[[], int], *, who: str
) -> ImportedFile:
    """See Store.import_file.

    One transaction, also on SQLite, whose WAL then grows by the size of the rows (90 bytes each) until the commit:
    half a file in the tables would be worse, because without ids nothing could tell which half.
    """
    unread = iter(batches)

    def work(connection: Connection) -> ImportedFile:
        before = _find(connection, source)
        return before if before is not None else _import(connection, source, unread, rejected, who)

    return write(engine, work, attempts=1)  # the batches can be read only once


def _import(
    connection: Connection,
    source: ImportSource,
    batches: Iterable[pa.RecordBatch],
    rejected: Callable[[], int],
    who: str,
) -> ImportedFile:
    now = datetime.now(UTC)
    import_id = _begin(connection, source, now)
    last_key = connection.execute(select(func.coalesce(func.max(TRANSACTIONS.c.transaction_key), 0))).scalar_one()
    counts = WriteCounts()
    for batch in batches:
        counts += ledger.add(connection, batch, ledger.Origin(who, import_id, now))
    _add_customers(connection, import_id, last_key, now)
    result = ImportedFile(import_id, counts, rejected(), now, before=False)
    numbers = {
        "rows_imported": counts.added,
        "rows_unchanged": counts.unchanged,
        "rows_corrected": counts.corrected,
        "rows_rejected": result.rejected,
    }
    connection.execute(update(IMPORT_FILES).where(IMPORT_FILES.c.import_id == import_id).values(numbers))
    audit.append(connection, who, "import", {f"imports/{import_id}": {"name": source.name, **numbers}})
    return result


def _begin(connection: Connection, source: ImportSource, now: datetime) -> int:
    statement = insert(IMPORT_FILES).values(
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


def _add_customers(connection: Connection, import_id: int, last_key: int, now: datetime) -> None:
    """Once at the end: per batch it would cost as much as the transactions themselves."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    stamp = literal(now, CUSTOMERS.c.created_at.type)
    seen = (
        select(TRANSACTIONS.c.customer_id, stamp)
        .where(TRANSACTIONS.c.transaction_key > last_key, TRANSACTIONS.c.import_id == import_id)
        .distinct()
        .order_by(TRANSACTIONS.c.customer_id)
    )
    connection.execute(
        dialect.insert(CUSTOMERS).from_select(["customer_id", "created_at"], seen).on_conflict_do_nothing()
    )


def _find(connection: Connection, source: ImportSource) -> ImportedFile | None:
    query = select(IMPORT_FILES).where(
        IMPORT_FILES.c.content_hash == source.content_hash, IMPORT_FILES.c.mapping == _canonical(source.mapping)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    counts = WriteCounts(row.rows_imported, row.rows_unchanged, row.rows_corrected)
    return ImportedFile(row.import_id, counts, row.rows_rejected, row.imported_at, before=True)


def _canonical(mapping: Mapping[str, str]) -> str:
    return json.dumps(dict(mapping), sort_keys=True)
