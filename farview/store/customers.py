"""Who is known, and what is known of them beside their events."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from farview.core.schemas import ATTRIBUTES
from farview.store import bulk
from farview.store.ledger import LOOKUP
from farview.store.tables import CUSTOMERS


def count(engine: Engine) -> int:
    """See Store.customers."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(CUSTOMERS)).scalar_one())


def attributes(engine: Engine, customer_ids: Sequence[str] | None) -> pa.Table:
    """See Store.attributes."""
    columns = (CUSTOMERS.c.customer_id, CUSTOMERS.c.time_zone, func.coalesce(CUSTOMERS.c.attributes, "{}"))
    query = select(*columns).order_by(CUSTOMERS.c.customer_id)
    with engine.connect() as connection:
        if customer_ids is None:
            return bulk.read_table(connection, query, ATTRIBUTES)
        ids = sorted(set(customer_ids), key=str.encode)
        batches: list[pa.RecordBatch] = []
        for start in range(0, len(ids), LOOKUP):
            some = query.where(CUSTOMERS.c.customer_id.in_(ids[start : start + LOOKUP]))
            batches.extend(bulk.read(connection, some, ATTRIBUTES))
    return pa.Table.from_batches(batches, ATTRIBUTES)


def add(connection: Connection, customer_ids: Iterable[str], now: datetime) -> None:
    """Makes customers known that were not."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    distinct = sorted(set(customer_ids))  # sorted: two writers in the same order never deadlock
    if distinct:
        connection.execute(
            dialect.insert(CUSTOMERS).on_conflict_do_nothing(),
            [{"customer_id": customer, "created_at": now} for customer in distinct],
        )


def add_imported(connection: Connection, table: Table, import_id: int, last_key: int, now: datetime) -> None:
    """Makes the customers of an import known, whose rows have keys above `last_key`.

    Once at the end: per batch it would cost as much as the rows themselves.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    (key,) = table.primary_key.columns
    # As an expression: SQLite would rather walk an index by customer, so all that was ever imported, than sort these.
    customer = table.c.customer_id.concat("")
    seen = (
        select(customer, literal(now, CUSTOMERS.c.created_at.type))
        .where(key > last_key, table.c.import_id == import_id)
        .distinct()
        .order_by(customer)
    )
    names = ["customer_id", "created_at"]
    connection.execute(dialect.insert(CUSTOMERS).from_select(names, seen).on_conflict_do_nothing())
