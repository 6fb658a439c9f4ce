"""Tables whose rows are never changed: new rows, resends and corrections."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, bindparam, select, update

from farview.store import audit, bulk
from farview.store.tables import TRANSACTIONS
from farview.store.tables_items import IMPRESSIONS
from farview.store.tables_rates import RATES
from farview.store.tables_touches import CONSENTS, TOUCHPOINTS
from farview.store.tables_treatments import TREATMENTS
from farview.store.types import EPOCH, MICROSECOND, microseconds
from farview.store.values import WriteCounts

LOOKUP = 10_000  # ids a statement; SQLite binds at most 32,766 values
_STAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A table, and which of its rows are versions of one another."""

    table: Table
    identity: tuple[str, ...]  # columns; a row that lacks the first is nobody's version
    content: str = "row_hash"  # the column that tells a correction from a resend
    prevails: Any = None  # content that no later row of the same import corrects


LEDGERS = {
    ledger.table.name: ledger
    for ledger in (
        Ledger(TRANSACTIONS, ("transaction_id",)),
        Ledger(TOUCHPOINTS, ("touchpoint_id",)),
        # The order of a file says nothing about what was said last at one moment: a withdrawal wins.
        Ledger(CONSENTS, ("customer_id", "channel", "purpose", "time"), content="allowed", prevails=False),
        Ledger(IMPRESSIONS, ("query_id", "item_id")),
        Ledger(TREATMENTS, ("customer_id", "time", "action")),
        Ledger(RATES, ("currency", "date"), content="rate"),
    )
}
"""By the name of the table, which is also the kind of file that fills it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from."""

    who: str
    import_id: int | None
    now: datetime


def add(connection: Connection, ledger: Ledger, batch: pa.RecordBatch, origin: Origin) -> WriteCounts:
    """Adds a batch of the ledger's kind in its order; the customers are the caller's to add.

    A row whose identity is known is dropped when its content is the same, else it closes the version before it: a
    resend of an old version after a correction is a correction back. What was known before stays readable by
    `known_at`.
    """
    ingested = _ingested(batch, origin)
    decision = _decide(connection, ledger, batch, ingested, origin)
    if decision.closed:
        _close(connection, ledger, decision.closed)
    if decision.corrected:
        subjects = {_subject(ledger, key): {"import_id": origin.import_id} for key in decision.corrected}
        audit.append(connection, origin.who, "correct", subjects)
    superseded = np.zeros(batch.num_rows, np.int64)
    superseded[list(decision.superseded)] = list(decision.superseded.values())
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns["ingested_at"] = pa.array(ingested).cast(_STAMP)
    columns["superseded_at"] = pa.array(superseded, mask=superseded == 0).cast(_STAMP)
    columns["import_id"] = pa.array([origin.import_id] * batch.num_rows, pa.int64())
    rows = pa.RecordBatch.from_pydict(columns)
    kept = rows if decision.keep.all() else rows.filter(pa.array(decision.keep))
    empty = [name for name in kept.schema.names if kept.column(name).null_count == kept.num_rows]
    bulk.insert(connection, ledger.table.name, kept.drop_columns(empty))
    return WriteCounts(
        added=kept.num_rows - len(decision.corrected),
        unchanged=batch.num_rows - kept.num_rows,
        corrected=len(decision.corrected),
    )


_Key = tuple[Any, ...]  # values of a ledger's identity


@dataclass(frozen=True, slots=True)
class _Version:
    """The version of a row that still holds."""

    content: Any
    known_since: int  # microseconds
    import_id: int | None
    row: int | None  # of this batch; None: stored


@dataclass(slots=True)
class _Decision:
    keep: npt.NDArray[np.bool_]
    superseded: dict[int, int] = field(default_factory=dict)  # row of this batch -> microseconds
    closed: dict[_Key, int] = field(default_factory=dict)  # of a stored row -> microseconds
    corrected: list[_Key] = field(default_factory=list)


def _ingested(batch: pa.RecordBatch, origin: Origin) -> npt.NDArray[np.int64]:
    """Shape (rows,), microseconds: what the file says, else now."""
    now = microseconds(origin.now)
    if "ingested_at" not in batch.schema.names:
        return np.full(batch.num_rows, now)
    given = pc.fill_null(batch.column("ingested_at").cast(pa.int64()), now)
    return given.to_numpy(zero_copy_only=False, writable=True)


def _decide(
    connection: Connection, ledger: Ledger, batch: pa.RecordBatch, ingested: npt.NDArray[np.int64], origin: Origin
) -> _Decision:
    """What to do with each row; moves `ingested` of a correction up to that of the row it corrects, never before it."""
    decision = _Decision(np.ones(batch.num_rows, np.bool_))
    known = batch.select(list(ledger.identity)).filter(batch.column(ledger.identity[0]).is_valid())
    if known.num_rows == 0:
        return decision
    latest = _current(connection, ledger, known.column(0).unique().to_pylist())
    if not latest and _all_distinct(known):
        return decision
    keys = zip(*(batch.column(name).to_pylist() for name in ledger.identity), strict=True)
    for row, (key, content) in enumerate(zip(keys, batch.column(ledger.content).to_pylist(), strict=True)):
        if key[0] is None:
            continue
        before = latest.get(key)
        if before is not None:
            settled = content != before.content and before.content == ledger.prevails
            if content == before.content or (settled and before.import_id == origin.import_id):
                decision.keep[row] = False
                continue
            ingested[row] = max(int(ingested[row]), before.known_since)
            if before.row is None:
                decision.closed[key] = int(ingested[row])
            else:
                decision.superseded[before.row] = int(ingested[row])
            decision.corrected.append(key)
        latest[key] = _Version(content, int(ingested[row]), origin.import_id, row)
    return decision


def _all_distinct(rows: pa.RecordBatch) -> bool:
    table = pa.Table.from_batches([rows])
    return table.group_by(rows.schema.names, use_threads=False).aggregate([]).num_rows == rows.num_rows


def _current(connection: Connection, ledger: Ledger, first: Sequence[Any]) -> dict[_Key, _Version]:
    """The stored rows that still hold, of those values of the first column of the identity."""
    table = ledger.table
    names = (*ledger.identity, ledger.content, "ingested_at", "import_id")
    query = select(*(table.c[name] for name in names)).where(table.c.superseded_at.is_(None))
    found: dict[_Key, _Version] = {}
    for start in range(0, len(first), LOOKUP):
        some = query.where(table.c[ledger.identity[0]].in_(first[start : start + LOOKUP]))
        for *key, content, ingested_at, import_id in connection.execute(some):
            found[tuple(key)] = _Version(content, microseconds(ingested_at), import_id, None)
    return found


def _close(connection: Connection, ledger: Ledger, closed: dict[_Key, int]) -> None:
    table = ledger.table
    same = [table.c[name] == bindparam(f"known_{name}") for name in ledger.identity]
    statement = update(table).where(*same, table.c.superseded_at.is_(None)).values(superseded_at=bindparam("closed"))
    names = [f"known_{name}" for name in ledger.identity]
    rows = [dict(zip(names, key, strict=True)) | {"closed": EPOCH + at * MICROSECOND} for key, at in closed.items()]
    connection.execute(statement, rows)


def _subject(ledger: Ledger, key: _Key) -> str:
    """What a correction was of; never a customer, whom the log would name for ever."""
    named = zip(ledger.identity, key, strict=True)
    parts = (
        part.isoformat() if isinstance(part, datetime) else str(part) for name, part in named if name != "customer_id"
    )
    return "/".join((ledger.table.name, *parts))
