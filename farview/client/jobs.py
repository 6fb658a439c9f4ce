"""Calls of JobService and of google.longrunning.Operations."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from farview.client import messages
from farview.client.connection import Connection
from farview.v1 import job_pb2, job_pb2_grpc, journey_pb2, prioritization_pb2

_SECONDS_OF_ONE_WAIT = 5.0

Training: TypeAlias = (
    job_pb2.LtvTraining | job_pb2.JourneysTraining | job_pb2.RankingTraining | job_pb2.NextItemTraining
)


class JobCalls:
    """See protos/farview/v1/job.proto. `farview worker` does the jobs; `await_operation` waits for one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs = job_pb2_grpc.JobServiceStub(connection.channel)
        self._operations = operations_pb2_grpc.OperationsStub(connection.channel)

    def start_training(
        self,
        training: Training,
        *,
        as_of: date | None = None,
        seed: int = 0,
        reason: str = "",
        request_id: str = "",
    ) -> operations_pb2.Operation:
        """Asks for a model to be fitted and registered; the result is a TrainingResult."""
        request = job_pb2.StartTrainingRequest(
            request_id=messages.request_id(request_id),
            ltv=training if isinstance(training, job_pb2.LtvTraining) else None,
            journeys=training if isinstance(training, job_pb2.JourneysTraining) else None,
            ranking=training if isinstance(training, job_pb2.RankingTraining) else None,
            next_item=training if isinstance(training, job_pb2.NextItemTraining) else None,
            as_of_date=None if as_of is None else messages.day(as_of),
            seed=seed,
            reason=reason,
        )
        return self._connection.call(self._jobs.StartTraining, request)

    def start_scoring(
        self, horizons_days: Sequence[int] = (), *, as_of: date | None = None, seed: int = 0, request_id: str = ""
    ) -> operations_pb2.Operation:
        """Asks for everybody's forecasts; the result is a ScoringResult."""
        request = job_pb2.StartScoringRequest(
            request_id=messages.request_id(request_id),
            horizon_days=horizons_days,
            as_of_date=None if as_of is None else messages.day(as_of),
            seed=seed,
        )
        return self._connection.call(self._jobs.StartScoring, request)

    def start_planning(
        self,
        *,
        where: str = "",
        max_touches: int = 0,
        caps: Mapping[str, int] | None = None,
        touch_costs: Mapping[str, Decimal] | None = None,
        currency: str = "",
        after_purchase_days: int = 0,
        as_of: date | None = None,
        request_id: str = "",
    ) -> operations_pb2.Operation:
        """Asks for everybody's plans; the result is a PlanningResult. `touch_costs` by channel are in `currency`."""
        request = job_pb2.StartPlanningRequest(
            request_id=messages.request_id(request_id),
            filter=where,
            max_touches=max_touches,
            channel_caps=[journey_pb2.ChannelCap(channel=name, max_touches=n) for name, n in (caps or {}).items()],
            touch_costs=[
                journey_pb2.TouchCost(channel=name, cost=messages.money_of(cost, currency))
                for name, cost in (touch_costs or {}).items()
            ],
            after_purchase_days=after_purchase_days,
            as_of_date=None if as_of is None else messages.day(as_of),
        )
        return self._connection.call(self._jobs.StartPlanning, request)

    def start_prioritization(
        self, audience: prioritization_pb2.PrioritizeCustomersRequest, *, request_id: str = ""
    ) -> operations_pb2.Operation:
        """Asks for an audience of up to 10,000,000 customers; the result is a PrioritizationResult."""
        request = job_pb2.StartPrioritizationRequest(request_id=messages.request_id(request_id), audience=audience)
        return self._connection.call(self._jobs.StartPrioritization, request)

    def audience_members(self, audience_id: str) -> Iterator[job_pb2.AudienceMember]:
        """The members of a stored audience, first place first."""
        request = job_pb2.ListAudienceMembersRequest(audience_id=audience_id, page_size=10_000)
        while True:
            page = self._connection.call(self._jobs.ListAudienceMembers, request)
            yield from page.members
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def operation(self, name: str) -> operations_pb2.Operation:
        """One operation, "operations/17"."""
        request = operations_pb2.GetOperationRequest(name=name)
        return self._connection.call(self._operations.GetOperation, request)

    def operations(self, where: str = "") -> Iterator[operations_pb2.Operation]:
        """Operations newest first; `where` as 'kind = "train" AND state = "running"'."""
        request = operations_pb2.ListOperationsRequest(filter=where)
        while True:
            page = self._connection.call(self._operations.ListOperations, request)
            yield from page.operations
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def await_operation(self, name: str, timeout_seconds: float) -> operations_pb2.Operation:
        """The operation once it has ended, or as it is after the time; `done` says which."""
        end = time.monotonic() + timeout_seconds
        while True:
            left = max(end - time.monotonic(), 0.0)
            wait = Duration()
            wait.FromNanoseconds(int(min(left, _SECONDS_OF_ONE_WAIT) * 1e9))
            request = operations_pb2.WaitOperationRequest(name=name, timeout=wait)
            asked = time.monotonic()
            found = self._connection.call(self._operations.WaitOperation, request)
            if found.done or left == 0.0:
                return found
            time.sleep(max(0.0, min(left, 0.5) - (time.monotonic() - asked)))  # it may answer at once

    def cancel_operation(self, name: str) -> None:
        """Asks for an operation to be cancelled; `operation` says whether it still was."""
        request = operations_pb2.CancelOperationRequest(name=name)
        self._connection.call(self._operations.CancelOperation, request)
