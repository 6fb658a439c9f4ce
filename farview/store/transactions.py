"""Transactions: those of a request written, those inside a cut read."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine, Float, Select, cast, select

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.core.schemas import EVENTS
from farview.store import as_known, bulk, customers, ledger, rates, row_hash
from farview.store.batches import TRANSACTION_BATCH
from farview.store.rates import Sent
from farview.store.tables import TRANSACTIONS
from farview.store.values import Transaction, WriteCounts

_LEDGER = ledger.LEDGERS["transactions"]
_COLUMNS = (TRANSACTIONS.c.customer_id, TRANSACTIONS.c.time, cast(TRANSACTIONS.c.amount, Float(53)))


def record(connection: Connection, rows: Sequence[Transaction], *, who: str) -> WriteCounts:
    """See Store.record_transactions. Also adds the customers."""
    now = datetime.now(UTC)
    counts = ledger.add(connection, _LEDGER, _as_batch(connection, rows), ledger.Origin(who, None, now))
    customers.add(connection, (row.customer_id for row in rows), now)
    return counts


def read(engine: Engine, cut: Cut, zone: str) -> pa.RecordBatchReader:
    """See Store.transactions."""
    return pa.RecordBatchReader.from_batches(EVENTS, _batches(engine, _events(cut, zone)))


def read_of(engine: Engine, cut: Cut, zone: str, customer_ids: Sequence[str]) -> pa.Table:
    """See Store.transactions_of."""
    batches: list[pa.RecordBatch] = []
    for start in range(0, len(customer_ids), ledger.LOOKUP):
        some = TRANSACTIONS.c.customer_id.in_(customer_ids[start : start + ledger.LOOKUP])
        batches.extend(_batches(engine, _events(cut, zone).where(some)))
    return pa.Table.from_batches(batches, EVENTS)


def read_news(engine: Engine, since: Cut, cut: Cut, zone: str) -> pa.RecordBatchReader:
    """See Store.transactions_since."""
    return pa.RecordBatchReader.from_batches(
        EVENTS, _batches(engine, select(*_COLUMNS).where(as_known.came_in(TRANSACTIONS, since, cut, zone)))
    )


def corrected(engine: Engine, since: Cut, cut: Cut, zone: str) -> list[str]:
    """See Store.corrected_since."""
    gone = as_known.came_in(TRANSACTIONS, cut, since, zone)
    query = select(TRANSACTIONS.c.customer_id).where(gone).distinct().order_by(TRANSACTIONS.c.customer_id)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def _batches(engine: Engine, query: Select[tuple[object, ...]]) -> Iterator[pa.RecordBatch]:
    with engine.connect() as connection:
        yield from bulk.read(connection, query, EVENTS)


def _events(cut: Cut, zone: str) -> Select[tuple[object, ...]]:
    return select(*_COLUMNS).where(as_known.visible(TRANSACTIONS, cut, zone))


def _as_batch(connection: Connection, rows: Sequence[Transaction]) -> pa.RecordBatch:
    for i, row in enumerate(rows):
        if row.time.tzinfo is None:
            raise InvalidInput.of(f"transactions[{i}].time", "has no time zone")
    sent = [Sent(row.amount, row.currency, row.time, f"transactions[{i}].amount") for i, row in enumerate(rows)]
    amounts = (asdict(amount) for amount in rates.convert(connection, sent) if amount is not None)
    values = [asdict(row) | amount for row, amount in zip(rows, amounts, strict=True)]
    hashed = [value | {"row_hash": row_hash.of("transactions", value)} for value in values]
    return pa.RecordBatch.from_pylist(hashed, schema=TRANSACTION_BATCH)
