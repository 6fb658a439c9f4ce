"""Filters with names."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from farview.core.errors import FailedPrecondition, NotFound
from farview.store import audit
from farview.store.promises import Segment, StoredSegment
from farview.store.tables_guarantees import GUARANTEES, SEGMENTS


def put(connection: Connection, segment: Segment, *, who: str) -> StoredSegment:
    """See Writer.set_segment."""
    now = datetime.now(UTC)
    said = {"filter": segment.filter, "description": segment.description, "who": who, "updated_at": now}
    changed = update(SEGMENTS).where(SEGMENTS.c.segment_id == segment.segment_id).values(said)
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(SEGMENTS).values(segment_id=segment.segment_id, created_at=now, **said))
    audit.append(connection, who, "set", {f"segments/{segment.segment_id}": {"filter": segment.filter}})
    return _read(connection, segment.segment_id)


def drop(connection: Connection, segment_id: str, *, who: str) -> None:
    """See Writer.delete_segment."""
    _read(connection, segment_id)
    users = select(GUARANTEES.c.guarantee_id).where(GUARANTEES.c.segment_id == segment_id)
    if used_by := connection.execute(users.order_by(GUARANTEES.c.guarantee_id)).scalars().all():
        raise FailedPrecondition(
            f"segment {segment_id!r} is the cohort of {', '.join(used_by)}; delete these guarantees first, or set them "
            "to another cohort"
        )
    connection.execute(delete(SEGMENTS).where(SEGMENTS.c.segment_id == segment_id))
    audit.append(connection, who, "delete", {f"segments/{segment_id}": {}})


def one(engine: Engine, segment_id: str) -> StoredSegment:
    """See Store.segment."""
    with engine.connect() as connection:
        return _read(connection, segment_id)


def page(engine: Engine, page_size: int, after: str) -> list[StoredSegment]:
    """See Store.segments."""
    query = select(SEGMENTS).where(SEGMENTS.c.segment_id > after).order_by(SEGMENTS.c.segment_id).limit(page_size)
    with engine.connect() as connection:
        return [_value(row) for row in connection.execute(query)]


def _read(connection: Connection, segment_id: str) -> StoredSegment:
    row = connection.execute(select(SEGMENTS).where(SEGMENTS.c.segment_id == segment_id)).one_or_none()
    if row is None:
        raise NotFound("segment", segment_id)
    return _value(row)


def _value(row: Row[Any]) -> StoredSegment:
    return StoredSegment(Segment(row.segment_id, row.filter, row.description), row.who, row.created_at, row.updated_at)
