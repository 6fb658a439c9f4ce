"""Operations as google.longrunning.Operation."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from farview.store.values import OperationRecord
from farview.v1 import job_pb2 as pb
from server.convert.basics import day, instant
from server.status import status_of_recorded

_KINDS = {
    "train": pb.JOB_KIND_TRAIN,
    "score": pb.JOB_KIND_SCORE,
    "plan": pb.JOB_KIND_PLAN,
    "prioritize": pb.JOB_KIND_PRIORITIZE,
}
_STATES = {
    "waiting": pb.JOB_STATE_WAITING,
    "running": pb.JOB_STATE_RUNNING,
    "done": pb.JOB_STATE_DONE,
    "failed": pb.JOB_STATE_FAILED,
    "cancelled": pb.JOB_STATE_CANCELLED,
}


def operation(record: OperationRecord) -> operations_pb2.Operation:
    """With a JobMetadata, and once it has ended with its result or its error."""
    name = f"operations/{record.operation_id}"
    answer = operations_pb2.Operation(name=name, metadata=_packed(_metadata(record)))
    if record.state == "done":
        assert record.result is not None
        answer.done = True
        answer.response.CopyFrom(_packed(_result(record.kind, record.result)))
    if record.state == "failed":
        answer.done = True
        answer.error.CopyFrom(status_of_recorded(record.error or "", name))
    if record.state == "cancelled":
        answer.done = True
        answer.error.CopyFrom(status_pb2.Status(code=code_pb2.CANCELLED, message=f"{name} was cancelled"))
    return answer


def _metadata(record: OperationRecord) -> pb.JobMetadata:
    request = record.request
    assert record.queued_at is not None
    metadata = pb.JobMetadata(
        kind=_KINDS[record.kind],
        state=_STATES[record.state],
        step=record.step,
        done_units=record.done,
        total_units=record.total,
        cancel_requested=record.cancel_requested_at is not None,
        attempt_count=record.attempts,
        create_time=instant(record.queued_at),
        update_time=instant(record.updated_at),
        requested_by=record.who,
    )
    if record.started_at is not None:
        metadata.start_time.CopyFrom(instant(record.started_at))
    if record.ended_at is not None:
        metadata.end_time.CopyFrom(instant(record.ended_at))
    if request.get("as_of"):
        metadata.as_of_date.CopyFrom(day(date.fromisoformat(request["as_of"])))
    if request.get("known_at"):
        metadata.known_at_time.CopyFrom(instant(datetime.fromisoformat(request["known_at"])))
    return metadata


def _result(kind: str, result: Mapping[str, Any]) -> Message:
    if kind == "train":
        return pb.TrainingResult(model_version=result["model"])
    if kind == "score":
        return pb.ScoringResult(forecast_run_id=str(result["run_id"]), forecast_count=result["forecasts"])
    if kind == "prioritize":
        return pb.PrioritizationResult(audience_id=str(result["audience_id"]), customer_count=result["customers"])
    return pb.PlanningResult(plan_run_id=str(result["plan_run_id"]), plan_count=result["plans"])


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
