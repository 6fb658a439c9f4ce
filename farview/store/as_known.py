"""Reading ledgers inside a cut: what was known at a time of events up to a day."""

import hashlib
from datetime import UTC, date

from sqlalchemy import ColumnElement, Engine, Table, and_, func, not_, or_, select

from farview.core import clock
from farview.core.clock import Cut

_HALF = 2**30  # sums of half hashes stay below 2^63 for 8 billion rows


def visible(table: Table, cut: Cut, zone: str) -> ColumnElement[bool]:
    """What was known at `known_at` of events before the end of the as-of day."""
    known_at = cut.known_at.astimezone(UTC)
    return and_(
        table.c.time < cut.before(clock.zone(zone)),
        table.c.ingested_at <= known_at,
        or_(table.c.superseded_at.is_(None), table.c.superseded_at > known_at),
    )


def came_in(table: Table, since: Cut, cut: Cut, zone: str) -> ColumnElement[bool]:
    """Visible at a later cut, but not at an earlier one."""
    return and_(visible(table, cut, zone), not_(visible(table, since, zone)))


def snapshot_hash(engine: Engine, table: Table, cut: Cut, zone: str) -> str:
    """See Store.snapshot_hash. A sum of the rows' hashes does not depend on their order and counts repeated rows."""
    halves = (table.c.row_hash % _HALF, table.c.row_hash // _HALF)
    sums = (func.coalesce(func.sum(half), 0) for half in halves)
    with engine.connect() as connection:
        count, low, high = connection.execute(select(func.count(), *sums).where(visible(table, cut, zone))).one()
    return hashlib.sha256(f"{count}:{int(low)}:{int(high)}".encode()).hexdigest()


def last_day(engine: Engine, table: Table, zone: str) -> date | None:
    """Business-zone day of the last row that still holds; None without one."""
    query = select(func.max(table.c.time)).where(table.c.superseded_at.is_(None))
    with engine.connect() as connection:
        last = connection.execute(query).scalar_one()
    return None if last is None else last.astimezone(clock.zone(zone)).date()
