"""Calls of ModelService."""

from collections.abc import Iterator

from farview.client import messages
from farview.client.connection import Connection
from farview.v1 import model_pb2, model_pb2_grpc


class ModelCalls:
    """See protos/farview/v1/model.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._models = model_pb2_grpc.ModelServiceStub(connection.channel)

    def model_versions(self, kind: str = "") -> Iterator[model_pb2.ModelVersion]:
        """Registered models, by kind and newest first."""
        request = model_pb2.ListModelVersionsRequest(kind=kind)
        while True:
            page = self._connection.call(self._models.ListModelVersions, request)
            yield from page.model_versions
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def model_version(self, name: str) -> model_pb2.ModelVersion:
        """One registered model, "ltv-revenue/3"."""
        return self._connection.call(
            self._models.GetModelVersion, model_pb2.GetModelVersionRequest(model_version=name)
        ).model_version

    def gate_report(self, name: str) -> model_pb2.GateReport | None:
        """What the gates last said of a version; None when it was never examined."""
        answer = self._connection.call(
            self._models.GetModelVersion, model_pb2.GetModelVersionRequest(model_version=name)
        )
        return answer.gate_report if answer.HasField("gate_report") else None

    def promote(
        self, name: str, *, expected_champion: str, reason: str, force: bool = False, request_id: str = ""
    ) -> model_pb2.PromoteModelVersionResponse:
        """Makes a version champion unless another one became champion meanwhile (CallFailed with ABORTED).

        Without a passed gate report it fails with FAILED_PRECONDITION, unless forced.
        """
        request = model_pb2.PromoteModelVersionRequest(
            request_id=messages.request_id(request_id),
            model_version=name,
            expected_champion=expected_champion,
            reason=reason,
            force=force,
        )
        return self._connection.call(self._models.PromoteModelVersion, request)

    def rollback(self, *, expected_champion: str, reason: str, request_id: str = "") -> model_pb2.RollbackModelResponse:
        """Takes a champion back: the one before it is champion again (CallFailed with ABORTED if it no longer is)."""
        request = model_pb2.RollbackModelRequest(
            request_id=messages.request_id(request_id), expected_champion=expected_champion, reason=reason
        )
        return self._connection.call(self._models.RollbackModel, request)
