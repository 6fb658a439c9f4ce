"""Audiences that jobs made: written whole, read page by page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Row, Select, insert, select

from farview.core import columns as c
from farview.core.errors import NotFound
from farview.store import bulk
from farview.store.engine import write
from farview.store.tables_audiences import AUDIENCE_MEMBERS, AUDIENCES

MEMBERS = pa.schema(
    [
        pa.field("place", pa.int64(), nullable=False),
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.COHORT, pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("expected_value_mean", pa.float64(), nullable=False),
        pa.field("forced", pa.bool_(), nullable=False),
    ]
)
"""Places of an audience, first place first."""


@dataclass(frozen=True, slots=True)
class NewAudience:
    """An audience about to be stored."""

    operation_id: int
    request: Mapping[str, Any]  # as JSON
    forecast_run_id: int
    model_version: str
    horizon_days: int
    seed: int
    candidates: int
    barred: int
    floors: Sequence[Mapping[str, Any]]  # as JSON
    obstacles: Sequence[str]


@dataclass(frozen=True, slots=True)
class StoredAudience:
    """An audience; its members are read apart."""

    audience_id: int
    made: NewAudience
    customers: int
    who: str
    created_at: datetime


def add(engine: Engine, new: NewAudience, members: pa.Table, who: str) -> StoredAudience:
    """See Store.add_audience."""
    return write(engine, lambda connection: _add(connection, new, members, who))


def made_by(engine: Engine, operation_id: int) -> StoredAudience | None:
    """See Store.audience_of."""
    with engine.connect() as connection:
        row = connection.execute(select(AUDIENCES).where(AUDIENCES.c.operation_id == operation_id)).one_or_none()
    return None if row is None else _value(row)


def one(engine: Engine, audience_id: int) -> StoredAudience:
    """See Store.audience."""
    with engine.connect() as connection:
        row = connection.execute(select(AUDIENCES).where(AUDIENCES.c.audience_id == audience_id)).one_or_none()
    if row is None:
        raise NotFound("audience", str(audience_id))
    return _value(row)


def page(engine: Engine, audience_id: int, page_size: int, after: int) -> pa.Table:
    """See Store.audience_page."""
    query = _members(audience_id).where(AUDIENCE_MEMBERS.c.place > after).limit(page_size)
    with engine.connect() as connection:
        return bulk.read_table(connection, query, MEMBERS)


def members(engine: Engine, audience_id: int) -> Iterator[pa.RecordBatch]:
    """See Store.audience_members."""
    with engine.connect() as connection:
        yield from bulk.read(connection, _members(audience_id), MEMBERS)


def _members(audience_id: int) -> Select[Any]:
    table = AUDIENCE_MEMBERS
    query = select(*(table.c[name] for name in MEMBERS.names)).where(table.c.audience_id == audience_id)
    return query.order_by(table.c.place)


def _add(connection: Connection, new: NewAudience, members: pa.Table, who: str) -> StoredAudience:
    row = {
        "operation_id": new.operation_id,
        "request": json.dumps(new.request, sort_keys=True),
        "forecast_run_id": new.forecast_run_id,
        "model_version": new.model_version,
        "horizon_days": new.horizon_days,
        "seed": new.seed,
        "candidates": new.candidates,
        "barred": new.barred,
        "customers": members.num_rows,
        "floors": json.dumps(new.floors),
        "obstacles": json.dumps(new.obstacles),
        "who": who,
        "created_at": datetime.now(UTC),
    }
    stored = _value(connection.execute(insert(AUDIENCES).values(row).returning(*AUDIENCES.c)).one())
    for batch in members.to_batches():
        of_audience = pa.array([stored.audience_id]).take(pa.array([0] * batch.num_rows, pa.int64()))
        columns = [of_audience, *(batch.column(name) for name in MEMBERS.names)]
        whole = pa.RecordBatch.from_arrays(columns, names=["audience_id", *MEMBERS.names])
        bulk.insert(connection, AUDIENCE_MEMBERS.name, whole)
    return stored


def _value(row: Row[Any]) -> StoredAudience:
    made = NewAudience(
        operation_id=row.operation_id,
        request=json.loads(row.request),
        forecast_run_id=row.forecast_run_id,
        model_version=row.model_version,
        horizon_days=row.horizon_days,
        seed=row.seed,
        candidates=row.candidates,
        barred=row.barred,
        floors=json.loads(row.floors),
        obstacles=json.loads(row.obstacles),
    )
    return StoredAudience(row.audience_id, made, row.customers, row.who, row.created_at)
