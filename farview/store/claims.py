"""Operations that wait for a worker, as a worker sees them: claimed, kept alive, ended or handed back.

Every write of a worker names its claim. A worker that was taken for dead, because it gave no sign of life for long,
finds that its claim is gone and can write nothing more to the operation.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, case, or_, select, update

from farview.store.engine import write
from farview.store.job_requests import JobRequest, from_json, to_json
from farview.store.operations import words
from farview.store.tables import OPERATIONS

MOST_ATTEMPTS = 5
"""A job whose worker died so often is not begun again: it may be what kills them."""


class Cancelled(Exception):
    """Somebody asked for the operation to be cancelled."""


class ClaimLost(Exception):
    """Another worker has the operation."""


class Sign(Enum):
    """What a claim is worth now."""

    HELD = auto()
    CANCELLED = auto()  # held, and somebody asked to cancel
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """An operation that is this worker's to do."""

    engine: Engine
    operation_id: int
    claimed_by: str
    request: JobRequest
    who: str  # asked for it
    attempt: int  # from 1; more: a worker before died
    started_at: datetime  # of the first attempt

    def beat(self) -> Sign:
        """Gives a sign of life."""
        alive = update(OPERATIONS).where(self._mine()).values(heartbeat_at=datetime.now(UTC))
        beaten = alive.returning(OPERATIONS.c.cancel_requested_at)
        return _sign(write(self.engine, lambda connection: connection.execute(beaten).one_or_none()))

    def look(self) -> Sign:
        """The same without a sign of life, and so without a write."""
        with self.engine.connect() as connection:
            return _sign(connection.execute(select(OPERATIONS.c.cancel_requested_at).where(self._mine())).one_or_none())

    def settle(self, request: JobRequest) -> None:
        """Replaces the request by one with nothing left open, so that whoever resumes it does the same."""
        self.write(request=to_json(request))

    def finish(self, result: Mapping[str, Any]) -> None:
        """The job is done."""
        self._end("done", result=json.dumps(dict(result), sort_keys=True))

    def fail(self, error: BaseException) -> None:
        """The job failed."""
        self._end("failed", error=words(error))

    def cancel(self) -> None:
        """The job stopped because it was asked to."""
        self._end("cancelled")

    def hand_back(self) -> None:
        """The next worker goes on; this attempt does not count."""
        attempts = case((OPERATIONS.c.attempts > 0, OPERATIONS.c.attempts - 1), else_=0)
        self.write(state="waiting", claimed_by=None, heartbeat_at=None, attempts=attempts)

    def write(self, **changes: Any) -> None:
        """Changes columns of the row.

        Raises:
            ClaimLost: it is another worker's now.
        """
        write(self.engine, lambda connection: self.write_in(connection, **changes))

    def write_in(self, connection: Connection, **changes: Any) -> None:
        """The same in a transaction of the caller's, in which nobody else can change the row until it ends."""
        changed = update(OPERATIONS).where(self._mine()).values(updated_at=datetime.now(UTC), **changes)
        if connection.execute(changed).rowcount != 1:
            raise ClaimLost(f"operations/{self.operation_id} is another worker's now")

    def read_in(self, connection: Connection) -> Row[Any]:
        """What is in place already and whether it is to be cancelled: `result`, `cancel_requested_at`."""
        return connection.execute(select(OPERATIONS).where(self._mine())).one()

    def _end(self, state: str, **changes: Any) -> None:
        self.write(state=state, ended_at=datetime.now(UTC), heartbeat_at=None, **changes)

    def _mine(self) -> ColumnElement[bool]:
        table = OPERATIONS.c
        return and_(
            table.operation_id == self.operation_id, table.claimed_by == self.claimed_by, table.state == "running"
        )


def _sign(row: Row[Any] | None) -> Sign:
    if row is None:
        return Sign.LOST
    return Sign.HELD if row.cancel_requested_at is None else Sign.CANCELLED


def claim(engine: Engine, worker: str, dead_after: timedelta) -> Claim | None:
    """See Store.claim_operation."""
    with engine.connect() as connection:  # looking costs no write, and there is mostly nothing
        if connection.execute(select(OPERATIONS.c.operation_id).where(_claimable(dead_after)).limit(1)).first() is None:
            return None
    claimed_by = f"{worker} {uuid.uuid4().hex[:12]}"
    row = write(engine, lambda connection: _take(connection, claimed_by, dead_after))
    if row is None:
        return None
    return Claim(
        engine=engine,
        operation_id=row.operation_id,
        claimed_by=claimed_by,
        request=from_json(row.request),
        who=row.who,
        attempt=row.attempts,
        started_at=row.started_at,
    )


def _take(connection: Connection, claimed_by: str, dead_after: timedelta) -> Row[Any] | None:
    """The oldest, now claimed. On the way, those that are not to be begun again are ended."""
    oldest = select(OPERATIONS).where(_claimable(dead_after)).order_by(OPERATIONS.c.operation_id).limit(1)
    while (row := connection.execute(oldest.with_for_update(skip_locked=True)).one_or_none()) is not None:
        now = datetime.now(UTC)
        changed = update(OPERATIONS).where(OPERATIONS.c.operation_id == row.operation_id)
        if row.cancel_requested_at is not None:
            connection.execute(changed.values(state="cancelled", ended_at=now, updated_at=now))
        elif row.attempts >= MOST_ATTEMPTS:
            error = f"WorkerDied: its worker died {row.attempts} times (is there memory enough?); ask for it anew"
            connection.execute(changed.values(state="failed", error=error, ended_at=now, updated_at=now))
        else:
            taken = changed.values(
                state="running",
                claimed_by=claimed_by,
                heartbeat_at=now,
                attempts=OPERATIONS.c.attempts + 1,
                started_at=row.started_at or now,
                updated_at=now,
            )
            return connection.execute(taken.returning(*OPERATIONS.c)).one()
    return None


def _claimable(dead_after: timedelta) -> ColumnElement[bool]:
    table = OPERATIONS.c
    dead = and_(table.state == "running", table.heartbeat_at <= datetime.now(UTC) - dead_after)
    return and_(table.queued_at.is_not(None), or_(table.state == "waiting", dead))
