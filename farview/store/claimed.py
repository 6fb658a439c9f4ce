"""The store as a job sees it that a worker does: what the job records goes to the operation that was claimed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from farview.store import registry
from farview.store.claims import Cancelled, Claim
from farview.store.engine import write
from farview.store.operations import Operation
from farview.store.store import Store
from farview.store.values import Lineage, ModelVersion, NewModel


class ClaimedOperation(Operation):
    """The claimed operation while the job runs. How it ends is the worker's to write."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.engine, claim.operation_id)
        self.result: dict[str, Any] = {}
        self._claim = claim

    def finish(self, result: Mapping[str, Any]) -> None:
        """Keeps the result for the worker."""
        self.result |= result

    def fail(self, error: BaseException) -> None:
        """Leaves it to the worker, who sees the error too."""

    def _put(self, changes: Mapping[str, Any]) -> None:
        self._claim.write(**changes)


class ClaimedStore(Store):
    """A store whose operation is the claimed one, and in which the operation registers one model at most.

    A run has a key, so a job that begins again finds what it published. A model version has none: here the operation
    is its key.
    """

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.engine)
        self.claimed = ClaimedOperation(claim)
        self._claim = claim

    @contextmanager
    def operation(self, kind: str, request: Mapping[str, Any], *, who: str) -> Iterator[Operation]:
        """The claimed operation, whatever a job calls itself."""
        del kind, request, who
        yield self.claimed

    def register_model(
        self, kind: str, model: str, artifact: bytes, lineage: Lineage, metrics: Mapping[str, Any]
    ) -> ModelVersion:
        """As Store.register_model; when a dead worker had come that far, the version that it registered.

        Raises:
            Cancelled: somebody asked to cancel; nothing was registered.
            ClaimLost: another worker has the operation; nothing was registered.
        """
        new = NewModel(kind, model, artifact, lineage, metrics)
        return registry.version(self._engine, kind, write(self._engine, lambda held: self._register_once(held, new)))

    def _register_once(self, connection: Connection, new: NewModel) -> int:
        self._claim.write_in(connection)  # held until the commit: nobody cancels or claims meanwhile
        known = self._claim.read_in(connection)
        if known.cancel_requested_at is not None:
            raise Cancelled
        if known.result is not None:
            return int(json.loads(known.result)["model"].rpartition("/")[2])
        version = registry.add(connection, new)
        self._claim.write_in(connection, result=json.dumps({"model": version.name}))
        return version.version
