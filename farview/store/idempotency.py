"""Answers to writes, remembered in the transaction of the write."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select

from farview.core.errors import AlreadyExists
from farview.store.engine import write
from farview.store.tables import IDEMPOTENCY
from farview.store.values import WriteRequest
from farview.store.writer import Writer


def once(engine: Engine, request: WriteRequest, work: Callable[[Writer], bytes]) -> bytes:
    """See Store.once. Two simultaneous calls: one waits or starts over and finds the answer of the other."""

    def attempt(connection: Connection) -> bytes:
        known = _recall(connection, request)
        if known is not None:
            return known
        answer = work(Writer(connection))
        connection.execute(
            insert(IDEMPOTENCY).values(
                request_id=request.request_id,
                method=request.method,
                body_hash=request.body_hash,
                answer=answer,
                created_at=datetime.now(UTC),
            )
        )
        return answer

    return write(engine, attempt)


def recalled(engine: Engine, request: WriteRequest) -> bytes | None:
    """See Store.recalled."""
    with engine.connect() as connection:
        return _recall(connection, request)


def _recall(connection: Connection, request: WriteRequest) -> bytes | None:
    query = select(IDEMPOTENCY.c.method, IDEMPOTENCY.c.body_hash, IDEMPOTENCY.c.answer)
    row = connection.execute(query.where(IDEMPOTENCY.c.request_id == request.request_id)).one_or_none()
    if row is None:
        return None
    if (row.method, row.body_hash) != (request.method, request.body_hash):
        raise AlreadyExists(
            f"request_id {request.request_id!r} was used for another {row.method} request; "
            "send a new id with a new request"
        )
    answer: bytes = row.answer
    return answer
