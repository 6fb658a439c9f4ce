"""Records of long jobs: start, progress, end, error."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from farview.store.engine import write
from farview.store.tables import OPERATIONS
from farview.store.values import OperationRecord

_SECONDS_BETWEEN_WRITES = 1.0


class Operation:
    """A job that runs. Progress is written at most once a second, so it can be called per batch."""

    def __init__(self, engine: Engine, operation_id: int) -> None:
        self.operation_id = operation_id
        self._engine = engine
        self._done = 0
        self._written = time.monotonic()

    def start(self, step: str, total: int | None = None) -> None:
        """Begins a step; `total` units of work if it is known."""
        self._done = 0
        self._write(step=step, done=0, total=total)

    def advance(self, units: int = 1) -> None:
        """Some units of the step are done."""
        self._done += units
        if time.monotonic() - self._written >= _SECONDS_BETWEEN_WRITES:
            self._write(done=self._done)

    def done(self) -> None:
        """The step is done."""
        self._write(done=self._done)

    def finish(self, result: Mapping[str, Any]) -> None:
        """The job is done."""
        self._write(state="done", result=json.dumps(dict(result), sort_keys=True), ended_at=datetime.now(UTC))

    def fail(self, error: BaseException) -> None:
        """The job failed."""
        self._write(state="failed", error=words(error), ended_at=datetime.now(UTC))

    def _write(self, **changes: Any) -> None:
        self._written = time.monotonic()
        self._put(changes)

    def _put(self, changes: Mapping[str, Any]) -> None:
        statement = update(OPERATIONS).where(OPERATIONS.c.operation_id == self.operation_id)
        changed = statement.values(updated_at=datetime.now(UTC), **changes)
        write(self._engine, lambda connection: connection.execute(changed).close())


@contextmanager
def record(engine: Engine, kind: str, request: Mapping[str, Any], *, who: str) -> Iterator[Operation]:
    """See Store.operation. An exception is recorded and goes on; a killed job stays `running`."""
    operation = Operation(engine, write(engine, lambda connection: _insert(connection, kind, request, who)))
    try:
        yield operation
    except BaseException as error:
        operation.fail(error)
        raise


def recent(engine: Engine, limit: int) -> list[OperationRecord]:
    """See Store.operations."""
    with engine.connect() as connection:
        rows = connection.execute(select(OPERATIONS).order_by(OPERATIONS.c.operation_id.desc()).limit(limit)).all()
    return [record_of(row) for row in rows]


def record_of(row: Row[Any]) -> OperationRecord:
    """A row of OPERATIONS."""
    return OperationRecord(
        operation_id=row.operation_id,
        kind=row.kind,
        state=row.state,
        request=json.loads(row.request),
        step=row.step,
        done=row.done,
        total=row.total,
        result=None if row.result is None else json.loads(row.result),
        error=row.error,
        who=row.who,
        started_at=row.started_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
        queued_at=row.queued_at,
        attempts=row.attempts,
        cancel_requested_at=row.cancel_requested_at,
    )


def words(error: BaseException) -> str:
    """An error as the table keeps it: "Kind: message"."""
    return f"{type(error).__name__}: {error}"


def _insert(connection: Connection, kind: str, request: Mapping[str, Any], who: str) -> int:
    now = datetime.now(UTC)
    row = {
        "kind": kind,
        "state": "running",
        "request": json.dumps(dict(request), sort_keys=True),
        "step": "",
        "done": 0,
        "who": who,
        "started_at": now,
        "updated_at": now,
    }
    statement = insert(OPERATIONS).values(row).returning(OPERATIONS.c.operation_id)
    operation_id: int = connection.execute(statement).scalar_one()
    return operation_id
