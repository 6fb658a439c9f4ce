"""Reading transactions inside a cut."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date

import pyarrow as pa
from sqlalchemy import ColumnElement, Engine, Float, Select, and_, cast, func, or_, select

from farview.core import clock
from farview.core.clock import Cut
from farview.core.schemas import EVENTS
from farview.store import bulk
from farview.store.ledger import LOOKUP
from farview.store.tables import CUSTOMERS, TRANSACTIONS

_HALF = 2**30  # sums of half hashes stay below 2^63 for 8 billion rows


def read(engine: Engine, cut: Cut, zone: str) -> pa.RecordBatchReader:
    """See Store.transactions."""
    return pa.RecordBatchReader.from_batches(EVENTS, _batches(engine, _events(cut, zone)))


def read_of(engine: Engine, cut: Cut, zone: str, customer_ids: Sequence[str]) -> pa.Table:
    """See Store.transactions_of."""
    batches: list[pa.RecordBatch] = []
    for start in range(0, len(customer_ids), LOOKUP):
        some = TRANSACTIONS.c.customer_id.in_(customer_ids[start : start + LOOKUP])
        batches.extend(_batches(engine, _events(cut, zone).where(some)))
    return pa.Table.from_batches(batches, EVENTS)


def customers(engine: Engine) -> int:
    """See Store.customers."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(CUSTOMERS)).scalar_one())


def last_event_day(engine: Engine, zone: str) -> date | None:
    """See Store.last_event_day."""
    query = select(func.max(TRANSACTIONS.c.time)).where(TRANSACTIONS.c.superseded_at.is_(None))
    with engine.connect() as connection:
        last = connection.execute(query).scalar_one()
    return None if last is None else last.astimezone(clock.zone(zone)).date()


def snapshot_hash(engine: Engine, cut: Cut, zone: str) -> str:
    """See Store.snapshot_hash. A sum of the rows' hashes does not depend on their order and counts repeated rows."""
    content = TRANSACTIONS.c.row_hash
    halves = (content % _HALF, content // _HALF)
    query = select(func.count(), *(func.coalesce(func.sum(half), 0) for half in halves)).where(_visible(cut, zone))
    with engine.connect() as connection:
        count, low, high = connection.execute(query).one()
    return hashlib.sha256(f"{count}:{int(low)}:{int(high)}".encode()).hexdigest()


def _batches(engine: Engine, query: Select[tuple[object, ...]]) -> Iterator[pa.RecordBatch]:
    with engine.connect() as connection:
        yield from bulk.read(connection, query, EVENTS)


def _events(cut: Cut, zone: str) -> Select[tuple[object, ...]]:
    columns = (TRANSACTIONS.c.customer_id, TRANSACTIONS.c.time, cast(TRANSACTIONS.c.amount, Float(53)))
    return select(*columns).where(_visible(cut, zone))


def _visible(cut: Cut, zone: str) -> ColumnElement[bool]:
    """What was known at `known_at` of events before the end of the as-of day."""
    known_at = cut.known_at.astimezone(UTC)
    superseded = TRANSACTIONS.c.superseded_at
    return and_(
        TRANSACTIONS.c.time < cut.before(clock.zone(zone)),
        TRANSACTIONS.c.ingested_at <= known_at,
        or_(superseded.is_(None), superseded > known_at),
    )
