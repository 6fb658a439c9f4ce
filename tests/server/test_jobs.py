"""JobService and google.longrunning.Operations: what they write for a worker, and what they tell of it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.type.date_pb2 import Date

from farview.client import CallFailed, FarviewClient
from farview.store.claims import Claim
from farview.store.job_requests import (
    CompareLtv,
    PlanEveryone,
    Score,
    TrainJourneys,
    TrainLtv,
    TrainNextItem,
    TrainRanking,
)
from farview.v1 import job_pb2 as pb
from farview.v1 import job_pb2_grpc
from jobs.train_journeys import MODELS
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

ALIVE = timedelta(hours=1)
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


@pytest.fixture
def jobs(either: Running) -> job_pb2_grpc.JobServiceStub:
    return job_pb2_grpc.JobServiceStub(either.channel)


@pytest.fixture
def operations(either: Running) -> operations_pb2_grpc.OperationsStub:
    return operations_pb2_grpc.OperationsStub(either.channel)


@pytest.fixture
def caller(either: Running) -> Iterator[FarviewClient]:
    with FarviewClient(either.address) as client:
        yield client


def claimed(running: Running) -> Claim:
    """The next operation, as a worker claims it."""
    found = running.store.claim_operation("worker", dead_after=ALIVE)
    assert found is not None
    return found


def metadata(operation: operations_pb2.Operation) -> pb.JobMetadata:
    found = pb.JobMetadata()
    assert operation.metadata.Unpack(found)
    return found


def test_a_training_asked_for_waits_with_all_that_was_asked(either: Running, caller: FarviewClient) -> None:
    wanted = pb.LtvTraining(method=pb.INFERENCE_METHOD_NUTS)
    operation = caller.start_training(wanted, as_of=date(2026, 3, 1), seed=7, reason="monthly")
    told = metadata(operation)
    assert (operation.done, told.kind, told.state) == (False, pb.JOB_KIND_TRAIN, pb.JOB_STATE_WAITING)
    assert told.as_of_date == Date(year=2026, month=3, day=1)
    claim = claimed(either)
    assert operation.name == f"operations/{claim.operation_id}"
    assert claim.request == TrainLtv(method="nuts", seed=7, why="monthly", as_of=date(2026, 3, 1))
    assert claim.who.startswith("rpc ")


@one_database
def test_an_update_of_a_named_model_asked_for_is_what_a_worker_reads(either: Running, caller: FarviewClient) -> None:
    caller.start_training(pb.LtvTraining(model="mbg_nbd+first_spend", update=pb.LtvUpdate()))
    caller.start_training(pb.LtvTraining(update=pb.LtvUpdate(forgetting=0.9)))
    assert [claimed(either).request for _ in range(2)] == [
        TrainLtv(model="mbg_nbd+first_spend", update=1.0),
        TrainLtv(update=0.9),
    ]


@one_database
@pytest.mark.parametrize("name", ["boost", "combination", "gru", "transformer"])
def test_learning_models_may_be_asked_for(either: Running, caller: FarviewClient, name: str) -> None:
    caller.start_training(pb.LtvTraining(model=name))
    assert claimed(either).request == TrainLtv(model=name)


@one_database
def test_a_comparison_of_all_models_asked_for_is_what_a_worker_reads(either: Running, caller: FarviewClient) -> None:
    caller.start_training(pb.LtvTraining(comparison=pb.LtvComparison()), seed=4)
    named = pb.LtvComparison(horizon_days=30, members=["boost", "gru"])
    caller.start_training(pb.LtvTraining(comparison=named), reason="monthly")
    assert [claimed(either).request for _ in range(2)] == [
        CompareLtv(seed=4),
        CompareLtv(30, ("boost", "gru"), why="monthly"),
    ]


@one_database
@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (pb.LtvTraining(comparison=pb.LtvComparison(), model="boost"), "ltv.comparison"),
        (pb.LtvTraining(comparison=pb.LtvComparison(), method=pb.INFERENCE_METHOD_LAPLACE), "ltv.comparison"),
        (pb.LtvTraining(comparison=pb.LtvComparison(), update=pb.LtvUpdate()), "ltv.comparison"),
        (pb.LtvTraining(comparison=pb.LtvComparison(members=["combination"])), "ltv.comparison.members[0]"),
        (pb.LtvTraining(comparison=pb.LtvComparison(members=["boost", "boost"])), "ltv.comparison.members"),
        (pb.LtvTraining(comparison=pb.LtvComparison(horizon_days=3_651)), "ltv.comparison.horizon_days"),
        (pb.LtvTraining(model="nbd"), "ltv.model"),
        (pb.LtvTraining(update=pb.LtvUpdate(forgetting=0.0)), "ltv.update.forgetting"),
        (pb.LtvTraining(method=pb.INFERENCE_METHOD_NUTS, update=pb.LtvUpdate()), "ltv.method"),
    ],
)
def test_a_value_training_that_cannot_be_names_its_field(
    jobs: job_pb2_grpc.JobServiceStub, wanted: pb.LtvTraining, field: str
) -> None:
    assert fields(refused(lambda: jobs.StartTraining(pb.StartTrainingRequest(request_id="r", ltv=wanted)))) == [field]


@one_database
def test_a_journeys_training_asked_for_is_what_a_worker_reads(either: Running, caller: FarviewClient) -> None:
    window = Duration(seconds=3 * 86_400)
    wanted = pb.JourneysTraining(family=pb.JOURNEY_MODEL_FAMILY_MARKOV, window=window, attributes=["country"])
    caller.start_training(wanted)
    assert claimed(either).request == TrainJourneys(model="markov", window_days=3.0, attributes=("country",))


@one_database
@pytest.mark.parametrize("name", MODELS)
def test_every_journey_model_may_be_asked_for(either: Running, caller: FarviewClient, name: str) -> None:
    family = pb.JourneyModelFamily.Value(f"JOURNEY_MODEL_FAMILY_{name.upper()}")
    caller.start_training(pb.JourneysTraining(family=family))
    assert claimed(either).request == TrainJourneys(model=name)


@one_database
def test_models_of_items_asked_for_are_what_a_worker_reads(either: Running, caller: FarviewClient) -> None:
    caller.start_training(pb.RankingTraining(model="pool", relevance_loss=0.0), seed=3)
    caller.start_training(pb.NextItemTraining(model="item_knn", least_grade=1), reason="monthly")
    assert [claimed(either).request for _ in range(2)] == [
        TrainRanking(model="pool", relevance_loss=0.0, seed=3),
        TrainNextItem(model="item_knn", least_grade=1, why="monthly"),
    ]


@one_database
@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"ranking": {"model": "oracle"}}, "ranking.model"),
        ({"ranking": {"relevance_loss": -0.1}}, "ranking.relevance_loss"),
        ({"ranking": {"relevance_loss": float("nan")}}, "ranking.relevance_loss"),
        ({"next_item": {"model": "lambdamart"}}, "next_item.model"),
        ({"next_item": {"least_grade": 5}}, "next_item.least_grade"),
        ({"next_item": {"least_grade": -1}}, "next_item.least_grade"),
    ],
)
def test_a_training_of_item_models_that_cannot_be_names_its_field(
    jobs: job_pb2_grpc.JobServiceStub, wanted: dict[str, Any], field: str
) -> None:
    assert fields(refused(lambda: jobs.StartTraining(pb.StartTrainingRequest(request_id="r", **wanted)))) == [field]


@one_database
def test_defaults_are_those_of_the_commands(either: Running, caller: FarviewClient) -> None:
    caller.start_training(pb.LtvTraining())
    caller.start_training(pb.JourneysTraining())
    caller.start_training(pb.RankingTraining())
    caller.start_training(pb.NextItemTraining())
    caller.start_scoring()
    caller.start_planning()
    expected = [TrainLtv(), TrainJourneys(), TrainRanking(), TrainNextItem(), Score(), PlanEveryone()]
    assert [claimed(either).request for _ in expected] == expected


@one_database
def test_a_scoring_asked_for_is_what_a_worker_reads(either: Running, jobs: job_pb2_grpc.JobServiceStub) -> None:
    request = pb.StartScoringRequest(request_id="r", horizon_days=[90, 30], seed=3)
    request.known_at_time.FromDatetime(datetime(2026, 3, 1, 12, tzinfo=UTC))
    jobs.StartScoring(request)
    assert claimed(either).request == Score((90, 30), 3, known_at=datetime(2026, 3, 1, 12, tzinfo=UTC))


@one_database
def test_a_planning_asked_for_is_what_a_worker_reads(either: Running, caller: FarviewClient) -> None:
    asked = {"caps": {"email": 2}, "touch_costs": {"call": Decimal("4.50")}, "currency": "USD"}
    caller.start_planning(where="p_alive > 0.5", max_touches=3, **asked)  # type: ignore[arg-type]
    expected = PlanEveryone("p_alive > 0.5", 3, caps={"email": 2}, touch_costs={"call": 4.5})
    assert claimed(either).request == expected


def test_the_same_request_id_asks_once(either: Running, caller: FarviewClient) -> None:
    first = caller.start_scoring((30,), request_id="nightly")
    assert caller.start_scoring((30,), request_id="nightly") == first
    assert len(either.store.queued_operations()) == 1
    with pytest.raises(CallFailed, match="ALREADY_EXISTS"):
        caller.start_scoring((90,), request_id="nightly")


WRONG: list[tuple[str, Message, str]] = [
    ("StartTraining", pb.StartTrainingRequest(request_id="r"), "training"),
    ("StartTraining", pb.StartTrainingRequest(ltv={}), "request_id"),
    ("StartTraining", pb.StartTrainingRequest(request_id="r", ltv={"method": 9}), "ltv.method"),
    ("StartTraining", pb.StartTrainingRequest(request_id="r", journeys={"family": 9}), "journeys.family"),
    ("StartTraining", pb.StartTrainingRequest(request_id="r", journeys={"window": {"seconds": 5}}), "journeys.window"),
    ("StartTraining", pb.StartTrainingRequest(request_id="r", ltv={}, seed=-1), "seed"),
    ("StartTraining", pb.StartTrainingRequest(request_id="r", ltv={}, reason="\0"), "reason"),
    ("StartTraining", pb.StartTrainingRequest(request_id="r", ltv={}, as_of_date={"year": 2026}), "as_of_date"),
    (
        "StartTraining",
        pb.StartTrainingRequest(request_id="r", ltv={}, known_at_time={"seconds": 10**11}),
        "known_at_time",
    ),
    ("StartScoring", pb.StartScoringRequest(request_id="r", horizon_days=[30, 0]), "horizon_days[1]"),
    ("StartScoring", pb.StartScoringRequest(request_id="r", horizon_days=[30, 30]), "horizon_days"),
    ("StartPlanning", pb.StartPlanningRequest(request_id="r", filter="no such = 1"), "filter"),
    ("StartPlanning", pb.StartPlanningRequest(request_id="r", max_touches=101), "max_touches"),
    ("StartPlanning", pb.StartPlanningRequest(request_id="r", channel_caps=[{}]), "channel_caps[0].channel"),
    (
        "StartPlanning",
        pb.StartPlanningRequest(request_id="r", conversion_margin={"currency_code": "EUR"}),
        "conversion_margin.currency_code",
    ),
]


@pytest.mark.parametrize(
    ("method", "request_", "field"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_wrong_field_is_named_and_nothing_waits(reading: Running, method: str, request_: Message, field: str) -> None:
    stub = job_pb2_grpc.JobServiceStub(reading.channel)
    error = refused(lambda: getattr(stub, method)(request_))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert reading.store.queued_operations() == []


RESULTS = [
    (pb.LtvTraining(), {"model": "ltv-revenue/3", "more": 1}, pb.TrainingResult(model_version="ltv-revenue/3")),
    (None, {"run_id": 5, "forecasts": 900}, pb.ScoringResult(forecast_run_id="5", forecast_count=900)),
]


@one_database
@pytest.mark.parametrize(("training", "result", "expected"), RESULTS, ids=["training", "scoring"])
def test_an_operation_that_is_done_carries_its_typed_result(
    either: Running,
    caller: FarviewClient,
    training: pb.LtvTraining | None,
    result: dict[str, object],
    expected: Message,
) -> None:
    name = (caller.start_scoring() if training is None else caller.start_training(training)).name
    claimed(either).finish(result)
    operation, found = caller.operation(name), type(expected)()
    assert operation.done
    assert operation.response.Unpack(found)
    assert (found, metadata(operation).state) == (expected, pb.JOB_STATE_DONE)


ERRORS = {
    "FailedPrecondition: there are no transactions": (code_pb2.FAILED_PRECONDITION, "there are no transactions"),
    "NotFound: model 'ltv-revenue/champion' does not exist": (code_pb2.NOT_FOUND, "model 'ltv-revenue/champion' does"),
    "WorkerDied: its worker died 5 times": (code_pb2.ABORTED, "its worker died 5 times"),
    "ZeroDivisionError: /home/ada/secret.py": (
        code_pb2.INTERNAL,
        "internal error; its cause is in the log of the worker",
    ),
}


@one_database
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.partition(":")[0])
def test_an_operation_that_failed_carries_its_error_as_a_status(
    either: Running, caller: FarviewClient, error: str
) -> None:
    name = caller.start_scoring().name
    claimed(either).write(state="failed", error=error)
    code, message = ERRORS[error]
    found = caller.operation(name)
    assert (found.done, found.error.code) == (True, code)
    assert found.error.message.startswith(message)


def test_a_running_operation_tells_its_step_and_how_far_it_is(either: Running, caller: FarviewClient) -> None:
    name = caller.start_scoring().name
    claim = claimed(either)
    claim.settle(Score(as_of=date(2026, 3, 1), known_at=claim.started_at))
    claim.write(step="forecasting customers", done=70, total=100)
    told = metadata(caller.operation(name))
    assert (told.state, told.step, told.done_units, told.total_units) == (
        pb.JOB_STATE_RUNNING,
        "forecasting customers",
        70,
        100,
    )
    assert (told.as_of_date, told.attempt_count) == (Date(year=2026, month=3, day=1), 1)
    assert told.known_at_time == told.start_time


def test_a_cancelled_operation_ends_with_the_code_of_it(either: Running, caller: FarviewClient) -> None:
    name = caller.start_scoring().name
    caller.cancel_operation(name)
    found = caller.operation(name)
    assert (found.done, found.error.code, metadata(found).state) == (True, code_pb2.CANCELLED, pb.JOB_STATE_CANCELLED)
    assert either.store.claim_operation("worker", dead_after=ALIVE) is None


def test_operations_are_listed_page_by_page_newest_first_and_filtered(
    caller: FarviewClient, operations: operations_pb2_grpc.OperationsStub
) -> None:
    names = [caller.start_scoring().name for _ in range(3)]
    caller.start_training(pb.LtvTraining())
    request = operations_pb2.ListOperationsRequest(name="operations", filter='kind = "score"', page_size=2)
    first = operations.ListOperations(request)
    request.page_token = first.next_page_token
    second = operations.ListOperations(request)
    assert [operation.name for operation in (*first.operations, *second.operations)] == names[::-1]
    assert not second.next_page_token


@one_database
def test_a_call_that_waits_is_answered_when_the_operation_ends(either: Running, caller: FarviewClient) -> None:
    name = caller.start_scoring().name
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(caller.await_operation, name, 20.0)
        time.sleep(0.3)
        claimed(either).finish({"run_id": 1, "forecasts": 3})
        ended = time.monotonic()
        assert waiting.result(20).done
    assert time.monotonic() - ended < 2


@one_database
def test_a_call_that_waits_gives_up_before_its_deadline(
    caller: FarviewClient, operations: operations_pb2_grpc.OperationsStub
) -> None:
    name = caller.start_scoring().name
    answer = operations.WaitOperation(operations_pb2.WaitOperationRequest(name=name), timeout=0.5)
    assert not answer.done


@one_database
def test_calls_that_wait_leave_threads_for_the_others(
    either: Running, caller: FarviewClient, operations: operations_pb2_grpc.OperationsStub
) -> None:
    request = operations_pb2.WaitOperationRequest(name=caller.start_scoring().name, timeout={"seconds": 2})
    with ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(operations.WaitOperation, request) for _ in range(12)]
        time.sleep(0.2)
        began = time.monotonic()
        caller.start_scoring()
        assert time.monotonic() - began < 1
        assert not any(call.result(10).done for call in waiting)


def test_only_what_has_ended_can_be_deleted(
    caller: FarviewClient, operations: operations_pb2_grpc.OperationsStub
) -> None:
    request = operations_pb2.DeleteOperationRequest(name=caller.start_scoring().name)
    assert refused(lambda: operations.DeleteOperation(request)).code() is grpc.StatusCode.FAILED_PRECONDITION
    caller.cancel_operation(request.name)
    operations.DeleteOperation(request)
    with pytest.raises(CallFailed, match="NOT_FOUND"):
        caller.operation(request.name)


CALLS: dict[str, Callable[[FarviewClient], object]] = {
    "get": lambda client: client.operation("operations/0"),
    "wait": lambda client: client.await_operation("17", 1.0),
    "cancel": lambda client: client.cancel_operation("operations/x"),
    "list": lambda client: list(client.operations("colour = 1")),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_names_no_operation_is_refused(client: FarviewClient, call: str) -> None:
    with pytest.raises(CallFailed) as caught:
        CALLS[call](client)
    expected = "filter" if call == "list" else "name"
    assert [violation.field for violation in caught.value.violations] == [expected]


@one_database
def test_an_operation_that_a_command_recorded_is_not_found(either: Running, caller: FarviewClient) -> None:
    with either.store.operation("score", {}, who="ada") as operation:
        operation.finish({})
    with pytest.raises(CallFailed, match="NOT_FOUND"):
        caller.operation(f"operations/{operation.operation_id}")
