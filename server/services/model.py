"""ModelService: the register of fitted models."""

import grpc

from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.writer import Writer
from farview.v1 import model_pb2 as pb
from farview.v1 import model_pb2_grpc
from server import page_token
from server.convert import model_requests
from server.convert.model_answers import gate_report, model_version
from server.interceptors import refuse_when_late
from server.services.feedback import caller, write_request


class ModelService(model_pb2_grpc.ModelServiceServicer):
    """See the contract."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ListModelVersions(
        self, request: pb.ListModelVersionsRequest, context: grpc.ServicerContext
    ) -> pb.ListModelVersionsResponse:
        asked = model_requests.list_model_versions(request)
        versions = sorted(self._store.model_versions(asked.kind or None), key=lambda v: (v.kind, -v.version))
        if asked.page_token:
            last = page_token.unseal(asked.page_token, [asked.kind])
            versions = [v for v in versions if (v.kind, -v.version) > (last["kind"], -last["version"])]
        page = versions[: asked.page_size]
        token = ""
        if len(versions) > len(page):
            token = page_token.seal({"kind": page[-1].kind, "version": page[-1].version}, [asked.kind])
        return pb.ListModelVersionsResponse(
            model_versions=[model_version(version) for version in page], next_page_token=token
        )

    def GetModelVersion(
        self, request: pb.GetModelVersionRequest, context: grpc.ServicerContext
    ) -> pb.GetModelVersionResponse:
        asked = model_requests.get_model_version(request).model_version
        version = self._store.model_version(asked.kind, asked.version)
        report = self._store.gate_report(asked.kind, asked.version)
        return pb.GetModelVersionResponse(
            model_version=model_version(version), gate_report=None if report is None else gate_report(report)
        )

    def PromoteModelVersion(
        self, request: pb.PromoteModelVersionRequest, context: grpc.ServicerContext
    ) -> pb.PromoteModelVersionResponse:
        asked = model_requests.promote_model_version(request)
        wanted, expected = asked.model_version, asked.expected_champion
        if expected.kind != wanted.kind:
            raise InvalidInput.of(
                "expected_champion", f"is {str(expected)!r}; the champion of {str(wanted)!r} is of kind {wanted.kind!r}"
            )

        def work(writer: Writer) -> bytes:
            promoted = writer.promote(
                wanted.kind,
                wanted.version,
                expected_champion=expected.version,
                force=asked.force,
                who=caller(context),
                why=asked.reason,
            )
            refuse_when_late(context)
            return pb.PromoteModelVersionResponse(
                model_version=model_version(promoted), previous_champion=str(expected)
            ).SerializeToString()

        answer = self._store.once(write_request(asked.request_id, request), work)
        return pb.PromoteModelVersionResponse.FromString(answer)

    def RollbackModel(
        self, request: pb.RollbackModelRequest, context: grpc.ServicerContext
    ) -> pb.RollbackModelResponse:
        asked = model_requests.rollback_model(request)
        seen = asked.expected_champion
        self._store.model_version(seen.kind, seen.version)

        def work(writer: Writer) -> bytes:
            restored = writer.rollback(seen.kind, expected_champion=seen.version, who=caller(context), why=asked.reason)
            refuse_when_late(context)
            return pb.RollbackModelResponse(
                model_version=model_version(restored), previous_champion=str(seen)
            ).SerializeToString()

        answer = self._store.once(write_request(asked.request_id, request), work)
        return pb.RollbackModelResponse.FromString(answer)
