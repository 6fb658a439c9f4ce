"""Reading forecasts of published runs."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Engine, Select, literal, select, tuple_

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.core.filters import Filter
from farview.core.schemas import FORECAST
from farview.store import bulk, filter_sql, runs
from farview.store.ledger import LOOKUP
from farview.store.tables_forecasts import FORECASTS
from farview.store.values import OrderBy, Page, PageKey

ORDERABLE = tuple(
    field.name for field in FORECAST if not field.nullable and not pa.types.is_fixed_size_binary(field.type)
)
"""Columns that a list can be ordered by."""


def of_customers(engine: Engine, run_id: int, customer_ids: Sequence[str], horizon_days: int | None) -> pa.Table:
    """See Store.forecasts."""
    query = _select(FORECAST.names, run_id, horizon_days).order_by(FORECASTS.c.customer_id, FORECASTS.c.horizon_days)
    ids = sorted(set(customer_ids), key=str.encode)
    batches: list[pa.RecordBatch] = []
    with engine.connect() as connection:
        runs.require_published(connection, run_id)
        for start in range(0, len(ids), LOOKUP):
            some = query.where(FORECASTS.c.customer_id.in_(ids[start : start + LOOKUP]))
            batches.extend(bulk.read(connection, some, FORECAST))
    return pa.Table.from_batches(batches, FORECAST)


def page(
    engine: Engine,
    run_id: int,
    horizon_days: int,
    *,
    where: Filter,
    order_by: OrderBy,
    page_size: int,
    after: PageKey | None,
) -> Page:
    """See Store.list_forecasts. Keyset paging: a later page costs what the first does."""
    if order_by.column not in ORDERABLE:
        raise InvalidInput.of("order_by", f"{order_by.column!r} is not one of {', '.join(ORDERABLE)}")
    column, customer = FORECASTS.c[order_by.column], FORECASTS.c.customer_id
    query = _select(FORECAST.names, run_id, horizon_days).limit(page_size + 1)
    # Both in the same direction, so that one index serves the order either way.
    query = query.order_by(*(key.desc() if order_by.descending else key.asc() for key in (column, customer)))
    query = query.where(filter_sql.condition(where, dict(FORECASTS.c), engine.dialect.name))
    if after is not None:
        query = query.where(_beyond(column, order_by.descending, after))
    with engine.connect() as connection:
        runs.require_published(connection, run_id)
        rows = bulk.read_table(connection, query, FORECAST)
    if rows.num_rows <= page_size:
        return Page(rows, None)
    last = rows.slice(page_size - 1, 1)
    value = last.column(order_by.column)[0].as_py()
    key = PageKey(value.isoformat() if isinstance(value, date) else value, last.column(c.CUSTOMER_ID)[0].as_py())
    return Page(rows.slice(0, page_size), key)


def table(engine: Engine, run_id: int, horizon_days: int, columns: Sequence[str]) -> pa.Table:
    """See Store.run_table."""
    found = list(batches(engine, run_id, horizon_days, columns))
    return pa.Table.from_batches(found, _schema(columns))


def batches(engine: Engine, run_id: int, horizon_days: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """See Store.run_batches."""
    schema = _schema(columns)
    query = _select(columns, run_id, horizon_days).order_by(FORECASTS.c.customer_id)
    with engine.connect() as connection:
        runs.require_published(connection, run_id)
        yield from bulk.read(connection, query, schema)


def _schema(columns: Sequence[str]) -> pa.Schema:
    unknown = [name for name in columns if name not in FORECAST.names]
    if unknown:
        raise InvalidInput.of("columns", f"{', '.join(unknown)}: no such column of a forecast")
    return pa.schema([FORECAST.field(name) for name in columns])


def _select(columns: Sequence[str], run_id: int, horizon_days: int | None) -> Select[Any]:
    query = select(*(FORECASTS.c[name] for name in columns)).where(FORECASTS.c.run_id == run_id)
    return query if horizon_days is None else query.where(FORECASTS.c.horizon_days == horizon_days)


def _beyond(column: ColumnElement[Any], descending: bool, after: PageKey) -> ColumnElement[bool]:
    kind = FORECAST.field(column.key or "").type
    value = date.fromisoformat(str(after.value)) if pa.types.is_date(kind) else after.value
    here = tuple_(column, FORECASTS.c.customer_id)
    there = tuple_(literal(value, column.type), literal(after.customer_id, FORECASTS.c.customer_id.type))
    return here < there if descending else here > there
