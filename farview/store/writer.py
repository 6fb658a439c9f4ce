"""What can be done inside one writing transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from farview.store import champions, exposures, plans, queue, touchpoints, transactions
from farview.store.job_requests import JobRequest
from farview.store.values import (
    Answered,
    Exposure,
    ModelVersion,
    NewPlan,
    OperationRecord,
    StoredPlan,
    Touchpoint,
    Transaction,
    WriteCounts,
)


@dataclass(frozen=True, slots=True)
class Writer:
    """The writes of the RPC services, bound to a transaction that `Store.once` or `Store` itself commits."""

    connection: Connection

    def record_transactions(self, rows: Sequence[Transaction], *, who: str) -> WriteCounts:
        """See Store.record_transactions."""
        return transactions.record(self.connection, rows, who=who)

    def record_touchpoints(self, rows: Sequence[Touchpoint], *, who: str) -> WriteCounts:
        """See Store.record_touchpoints."""
        return touchpoints.record(self.connection, rows, who=who)

    def record_exposures(self, answered: Answered, rows: Sequence[Exposure], *, who: str) -> WriteCounts:
        """Adds what was shown of an answer; the same ids at the same place of it were told before: unchanged.

        Raises:
            InvalidInput: `exposures[i].field` cannot be stored.
        """
        return exposures.record(self.connection, answered, rows, who=who)

    def add_plan(self, plan: NewPlan, *, who: str) -> StoredPlan:
        """Stores a plan that one call made.

        Raises:
            NotFound: no such model version.
        """
        return plans.add(self.connection, plan, who=who)

    def promote(
        self, kind: str, version: int, *, expected_champion: int | None, force: bool = False, who: str, why: str
    ) -> ModelVersion:
        """See Store.promote."""
        return champions.promote(self.connection, kind, version, expected_champion, force=force, who=who, why=why)

    def rollback(self, kind: str, *, expected_champion: int | None, who: str, why: str) -> ModelVersion:
        """See Store.rollback."""
        return champions.rollback(self.connection, kind, expected_champion, who=who, why=why)

    def queue_operation(self, request: JobRequest, *, who: str) -> OperationRecord:
        """Adds an operation that waits for a worker."""
        return queue.add(self.connection, request, who=who)
