"""What can be done inside one writing transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from farview.store import registry, touchpoints, transactions
from farview.store.values import ModelVersion, Touchpoint, Transaction, WriteCounts


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

    def promote(self, kind: str, version: int, *, expected_champion: int | None, who: str, why: str) -> ModelVersion:
        """See Store.promote."""
        return registry.promote(self.connection, kind, version, expected_champion, who=who, why=why)
