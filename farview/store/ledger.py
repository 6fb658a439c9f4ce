"""Writing transactions: new rows, resends and corrections."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.store import audit, bulk, row_hash
from farview.store.batches import TRANSACTION_BATCH
from farview.store.tables import CUSTOMERS, TRANSACTIONS
from farview.store.types import EPOCH, MICROSECOND, microseconds
from farview.store.values import Transaction, WriteCounts

LOOKUP = 10_000  # ids a statement; SQLite binds at most 32,766 values
_AMOUNT_BELOW = 10**12
_STAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from."""

    who: str
    import_id: int | None
    now: datetime


def record(connection: Connection, rows: Sequence[Transaction], *, who: str) -> WriteCounts:
    """Adds rows that came in a request, and their customers."""
    now = datetime.now(UTC)
    counts = add(connection, _as_batch(rows), Origin(who, None, now))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    customers = sorted({row.customer_id for row in rows})  # sorted: two writers in the same order never deadlock
    if customers:
        connection.execute(
            dialect.insert(CUSTOMERS).on_conflict_do_nothing(),
            [{"customer_id": customer, "created_at": now} for customer in customers],
        )
    return counts


def add(connection: Connection, batch: pa.RecordBatch, origin: Origin) -> WriteCounts:
    """Adds a batch of batches.TRANSACTION_BATCH in its order; the customers are the caller's to add.

    A row whose transaction_id is known is dropped when its content is the same, else it closes the version before it:
    a resend of an old version after a correction is a correction back. What was known before stays readable by
    `known_at`.
    """
    ingested = pc.fill_null(batch.column("ingested_at").cast(pa.int64()), microseconds(origin.now)).to_numpy(
        zero_copy_only=False, writable=True
    )
    decision = _decide(connection, batch, ingested)
    if decision.closed:
        _close(connection, decision.closed)
    if decision.corrected:
        detail = {"import_id": origin.import_id}
        subjects = {f"transactions/{transaction_id}": detail for transaction_id in decision.corrected}
        audit.append(connection, origin.who, "correct", subjects)
    superseded = np.zeros(batch.num_rows, np.int64)
    superseded[list(decision.superseded)] = list(decision.superseded.values())
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns["ingested_at"] = pa.array(ingested).cast(_STAMP)
    columns["superseded_at"] = pa.array(superseded, mask=superseded == 0).cast(_STAMP)
    columns["import_id"] = pa.array([origin.import_id] * batch.num_rows, pa.int64())
    rows = pa.RecordBatch.from_pydict(columns)
    bulk.insert(connection, "transactions", rows if decision.keep.all() else rows.filter(pa.array(decision.keep)))
    added = int(decision.keep.sum()) - len(decision.corrected)
    return WriteCounts(added, batch.num_rows - int(decision.keep.sum()), len(decision.corrected))


@dataclass(slots=True)
class _Decision:
    keep: npt.NDArray[np.bool_]
    superseded: dict[int, int] = field(default_factory=dict)  # row of this batch -> microseconds
    closed: dict[str, int] = field(default_factory=dict)  # transaction_id of a stored row -> microseconds
    corrected: list[str] = field(default_factory=list)


def _decide(connection: Connection, batch: pa.RecordBatch, ingested: npt.NDArray[np.int64]) -> _Decision:
    """What to do with each row; moves `ingested` of a correction up to that of the row it corrects, never before it."""
    decision = _Decision(np.ones(batch.num_rows, np.bool_))
    ids = batch.column("transaction_id")
    given = ids.drop_null()
    if len(given) == 0:
        return decision
    latest = _current(connection, given.unique().to_pylist())
    if not latest and pc.count_distinct(given).as_py() == len(given):
        return decision
    for row, (transaction_id, content) in enumerate(
        zip(ids.to_pylist(), batch.column("row_hash").to_pylist(), strict=True)
    ):
        if transaction_id is None:
            continue
        before = latest.get(transaction_id)
        if before is not None and before[0] == content:
            decision.keep[row] = False
            continue
        if before is not None:
            _, known_since, earlier_row = before
            ingested[row] = max(int(ingested[row]), known_since)
            if earlier_row is None:
                decision.closed[transaction_id] = int(ingested[row])
            else:
                decision.superseded[earlier_row] = int(ingested[row])
            decision.corrected.append(transaction_id)
        latest[transaction_id] = (content, int(ingested[row]), row)
    return decision


def _current(connection: Connection, ids: list[str]) -> dict[str, tuple[int, int, int | None]]:
    """Content and ingestion of the stored rows that have one of the ids."""
    query = select(TRANSACTIONS.c.transaction_id, TRANSACTIONS.c.row_hash, TRANSACTIONS.c.ingested_at).where(
        TRANSACTIONS.c.superseded_at.is_(None)
    )
    found: dict[str, tuple[int, int, int | None]] = {}
    for start in range(0, len(ids), LOOKUP):
        some = query.where(TRANSACTIONS.c.transaction_id.in_(ids[start : start + LOOKUP]))
        for transaction_id, content, ingested_at in connection.execute(some):
            found[transaction_id] = (content, microseconds(ingested_at), None)
    return found


def _close(connection: Connection, closed: dict[str, int]) -> None:
    statement = (
        update(TRANSACTIONS)
        .where(TRANSACTIONS.c.transaction_id == bindparam("id"), TRANSACTIONS.c.superseded_at.is_(None))
        .values(superseded_at=bindparam("at"))
    )
    connection.execute(statement, [{"id": key, "at": EPOCH + at * MICROSECOND} for key, at in closed.items()])


def _as_batch(rows: Sequence[Transaction]) -> pa.RecordBatch:
    for i, row in enumerate(rows):
        if not row.amount.is_finite() or abs(row.amount) >= _AMOUNT_BELOW:
            raise InvalidInput.of(f"transactions[{i}].amount", f"{row.amount} is not a number below 10^12")
        if row.time.tzinfo is None:
            raise InvalidInput.of(f"transactions[{i}].time", "has no time zone")
    columns = {
        "transaction_id": [row.transaction_id for row in rows],
        c.CUSTOMER_ID: [row.customer_id for row in rows],
        c.TIME: [row.time for row in rows],
        c.AMOUNT: [row.amount.quantize(row_hash.MILLIONTH, row_hash.ROUNDING) for row in rows],
        "currency": [row.currency for row in rows],
        "ingested_at": [None] * len(rows),
        "row_hash": [row_hash.of("transactions", asdict(row)) for row in rows],
    }
    return pa.RecordBatch.from_pydict(columns, schema=TRANSACTION_BATCH)
