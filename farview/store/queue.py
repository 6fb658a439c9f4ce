"""Operations that wait for a worker, as those see them who ask for them: added, read, cancelled, forgotten."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, delete, insert, select, update

from farview.core.errors import FailedPrecondition, NotFound
from farview.core.filters import FieldType, Filter
from farview.store import audit, filter_sql
from farview.store.engine import write
from farview.store.job_requests import JobRequest, to_json
from farview.store.operations import record_of
from farview.store.tables import OPERATIONS
from farview.store.values import OperationRecord

FILTER_FIELDS = {"kind": FieldType.STRING, "state": FieldType.STRING}
ENDED = ("done", "failed", "cancelled")

_OURS = OPERATIONS.c.queued_at.is_not(None)


def add(connection: Connection, request: JobRequest, *, who: str) -> OperationRecord:
    """See Writer.queue_operation."""
    now = datetime.now(UTC)
    row = {
        "kind": request.kind,
        "state": "waiting",
        "request": to_json(request),
        "step": "",
        "done": 0,
        "who": who,
        "queued_at": now,
        "updated_at": now,
    }
    return record_of(connection.execute(insert(OPERATIONS).values(row).returning(*OPERATIONS.c)).one())


def one(engine: Engine, operation_id: int) -> OperationRecord:
    """See Store.queued_operation."""
    with engine.connect() as connection:
        return _one(connection, select(OPERATIONS), operation_id)


def page(engine: Engine, where: Filter, size: int, after: int | None) -> list[OperationRecord]:
    """See Store.queued_operations."""
    columns: dict[str, ColumnElement[str]] = {name: OPERATIONS.c[name] for name in FILTER_FIELDS}
    wanted = and_(_OURS, filter_sql.condition(where, columns, engine.dialect.name))
    query = select(OPERATIONS).where(wanted).order_by(OPERATIONS.c.operation_id.desc()).limit(size)
    if after is not None:
        query = query.where(OPERATIONS.c.operation_id < after)
    with engine.connect() as connection:
        return [record_of(row) for row in connection.execute(query)]


def cancel(engine: Engine, operation_id: int, *, who: str) -> OperationRecord:
    """See Store.cancel_operation."""

    def work(connection: Connection) -> OperationRecord:
        found = _one(connection, select(OPERATIONS).with_for_update(), operation_id)
        if found.state in ENDED or found.cancel_requested_at is not None:
            return found
        now = datetime.now(UTC)
        changed = update(OPERATIONS).where(OPERATIONS.c.operation_id == operation_id)
        changed = changed.values(cancel_requested_at=now, updated_at=now)
        if found.state == "waiting":
            changed = changed.values(state="cancelled", ended_at=now)
        audit.append(connection, who, "cancel", {f"operations/{operation_id}": {"state": found.state}})
        return record_of(connection.execute(changed.returning(*OPERATIONS.c)).one())

    return write(engine, work)


def forget(engine: Engine, operation_id: int, *, who: str) -> None:
    """See Store.delete_operation."""

    def work(connection: Connection) -> None:
        found = _one(connection, select(OPERATIONS).with_for_update(), operation_id)
        if found.state not in ENDED:
            raise FailedPrecondition(f"operations/{operation_id} is {found.state}; cancel it first, then wait for it")
        connection.execute(delete(OPERATIONS).where(OPERATIONS.c.operation_id == operation_id))
        audit.append(connection, who, "delete", {f"operations/{operation_id}": {"kind": found.kind}})

    write(engine, work)


def _one(connection: Connection, query: Select[tuple[object, ...]], operation_id: int) -> OperationRecord:
    row = connection.execute(query.where(_OURS, OPERATIONS.c.operation_id == operation_id)).one_or_none()
    if row is None:
        raise NotFound("operation", f"operations/{operation_id}", "list them with ListOperations")
    return record_of(row)
