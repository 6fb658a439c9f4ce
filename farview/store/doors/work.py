"""A door of the store. Writes over RPC, operations, audit."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from farview.core.filters import EVERYTHING, Filter
from farview.store import audit, claims, idempotency, operations, queue, signing_keys
from farview.store.claims import Claim
from farview.store.operations import Operation
from farview.store.values import AuditEntry, OperationRecord, WriteRequest
from farview.store.writer import Writer


class WorkDoor:
    """Writes over RPC, operations, audit."""

    _engine: Engine

    def signing_keys(self) -> list[bytes]:
        """The secrets that sign answers, oldest first; makes the first if there is none, the same for all callers."""
        return signing_keys.every(self._engine)

    def once(self, request: WriteRequest, work: Callable[[Writer], bytes]) -> bytes:
        """Does `work` and remembers its answer in one transaction; a repeat gets that answer and does nothing.

        Raises:
            AlreadyExists: the request id was used with another method or body.
            Conflict: the database is busy with another write; retry.
        """
        return idempotency.once(self._engine, request, work)

    def recalled(self, request: WriteRequest) -> bytes | None:
        """The answer that `once` remembers; None before it has one.

        For work that reads much before it writes: what it read may have gone since, the answer has not.

        Raises:
            AlreadyExists: as `once`.
        """
        return idempotency.recalled(self._engine, request)

    def operation(self, kind: str, request: Mapping[str, Any], *, who: str) -> AbstractContextManager[Operation]:
        """Records a long job: start, progress, end, error."""
        return operations.record(self._engine, kind, request, who=who)

    def operations(self, limit: int = 100) -> list[OperationRecord]:
        """Newest first."""
        return operations.recent(self._engine, limit)

    def queued_operation(self, operation_id: int) -> OperationRecord:
        """One that was queued by `Writer.queue_operation`. Raises NotFound."""
        return queue.one(self._engine, operation_id)

    def queued_operations(
        self, *, where: Filter = EVERYTHING, page_size: int = 100, after: int | None = None
    ) -> list[OperationRecord]:
        """One page of them, newest first; `after` is the last id of the page before. Fields: queue.FILTER_FIELDS."""
        return queue.page(self._engine, where, page_size, after)

    def cancel_operation(self, operation_id: int, *, who: str) -> OperationRecord:
        """Cancels one that waits; asks the worker of one that runs to stop; leaves one that has ended as it is.

        Raises:
            NotFound: no such operation was queued.
        """
        return queue.cancel(self._engine, operation_id, who=who)

    def delete_operation(self, operation_id: int, *, who: str) -> None:
        """Forgets one that has ended; what it published stays.

        Raises:
            NotFound: no such operation was queued.
            FailedPrecondition: it waits or runs.
        """
        queue.forget(self._engine, operation_id, who=who)

    def claim_operation(self, worker: str, *, dead_after: timedelta) -> Claim | None:
        """The oldest operation that waits, or whose worker gave no sign of life for so long; None: nothing to do."""
        return claims.claim(self._engine, worker, dead_after)

    def audit_log(self, limit: int = 100) -> list[AuditEntry]:
        """Newest first."""
        return audit.recent(self._engine, limit)
