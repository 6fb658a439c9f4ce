"""The queue of operations: who gets which, what a claim is worth, and what ends one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from farview.core.errors import FailedPrecondition, NotFound
from farview.core.filters import compile_filter
from farview.store.claimed import ClaimedStore
from farview.store.claims import MOST_ATTEMPTS, Cancelled, Claim, ClaimLost, Sign
from farview.store.job_requests import (
    CompareLtv,
    JobRequest,
    PlanEveryone,
    Score,
    TrainJourneys,
    TrainLtv,
    TrainNextItem,
    TrainRanking,
    from_json,
    to_json,
)
from farview.store.queue import FILTER_FIELDS
from farview.store.store import Store
from farview.store.values import ModelVersion, WriteRequest
from tests.store.worlds import lineage

ALIVE = timedelta(hours=1)
AT_ONCE = timedelta(0)
KNOWN = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)


def ask(store: Store, request: JobRequest | None = None) -> int:
    """Queues a job; its operation's id."""
    asked: list[int] = []

    def work(writer: object) -> bytes:
        asked.append(writer.queue_operation(request or Score(), who="ada").operation_id)  # type: ignore[attr-defined]
        return b""

    store.once(WriteRequest(f"request {datetime.now(UTC)}", "test", ""), work)
    return asked[-1]


def claimed(store: Store, dead_after: timedelta = ALIVE) -> Claim:
    """The next operation, claimed."""
    found = store.claim_operation("worker", dead_after=dead_after)
    assert found is not None
    return found


def state(store: Store, operation_id: int) -> str:
    return store.queued_operation(operation_id).state


@pytest.mark.parametrize(
    "request_",
    [
        TrainLtv(method="nuts", seed=3, why="monthly", as_of=date(2026, 3, 1), known_at=KNOWN),
        CompareLtv(horizon_days=30, members=("boost", "gru"), seed=3),
        TrainJourneys(model="markov", window_days=3.5, attributes=("country",)),
        TrainRanking(model="pool", relevance_loss=0.0, as_of=date(2026, 3, 1)),
        TrainNextItem(model="item_knn", least_grade=1, seed=5),
        Score(horizons_days=(30, 90), known_at=KNOWN),
        PlanEveryone('country = "DE"', caps={"email": 2}, touch_costs={"call": 4.5}, margin=40.0, gap_hours=24.0),
    ],
    ids=lambda request: request.job,
)
def test_a_request_comes_out_of_the_table_as_it_went_in(store: Store, request_: JobRequest) -> None:
    assert from_json(to_json(request_)) == request_
    ask(store, request_)
    assert claimed(store).request == request_


def test_the_oldest_is_claimed_first(store: Store) -> None:
    asked = [ask(store), ask(store)]
    assert [claimed(store).operation_id for _ in asked] == asked


def test_nothing_waiting_is_nothing_claimed(store: Store) -> None:
    assert store.claim_operation("worker", dead_after=ALIVE) is None


def test_what_a_command_records_is_never_claimed(store: Store) -> None:
    with store.operation("score", {}, who="ada"):
        assert store.claim_operation("worker", dead_after=AT_ONCE) is None
        assert store.queued_operations() == []


def test_eight_workers_at_once_get_eight_operations(store: Store) -> None:
    asked = {ask(store) for _ in range(8)}
    barrier = threading.Barrier(8)

    def work(_: int) -> int:
        barrier.wait()
        return claimed(store).operation_id

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == asked


def test_a_worker_that_gives_signs_of_life_keeps_its_operation(store: Store) -> None:
    ask(store)
    claim = claimed(store)
    assert claim.beat() is claim.look() is Sign.HELD
    assert store.claim_operation("another", dead_after=ALIVE) is None


def test_an_operation_of_a_dead_worker_is_claimed_by_the_next(store: Store) -> None:
    ask(store)
    dead, next_ = claimed(store), claimed(store, AT_ONCE)
    assert (next_.operation_id, next_.attempt, next_.started_at) == (dead.operation_id, 2, dead.started_at)
    assert dead.look() is dead.beat() is Sign.LOST
    with pytest.raises(ClaimLost):
        dead.finish({})
    assert state(store, dead.operation_id) == "running"


def test_an_operation_that_killed_its_workers_again_and_again_fails(store: Store) -> None:
    asked = ask(store)
    for _ in range(MOST_ATTEMPTS):
        claimed(store, AT_ONCE)
    assert store.claim_operation("worker", dead_after=AT_ONCE) is None
    assert (store.queued_operation(asked).error or "").startswith("WorkerDied: its worker died 5 times")


def test_an_operation_handed_back_waits_and_its_attempt_does_not_count(store: Store) -> None:
    asked = ask(store)
    claimed(store).hand_back()
    assert state(store, asked) == "waiting"
    assert claimed(store).attempt == 1


def test_a_settled_request_is_what_the_next_worker_gets(store: Store) -> None:
    ask(store)
    claimed(store).settle(Score(as_of=date(2026, 3, 1), known_at=KNOWN))
    assert claimed(store, AT_ONCE).request == Score(as_of=date(2026, 3, 1), known_at=KNOWN)


def test_a_waiting_operation_is_cancelled_at_once(store: Store) -> None:
    asked = ask(store)
    assert store.cancel_operation(asked, who="ada").state == "cancelled"
    assert store.claim_operation("worker", dead_after=ALIVE) is None
    assert store.audit_log()[0].subject == f"operations/{asked}"


def test_the_worker_of_a_running_operation_sees_that_it_is_to_be_cancelled(store: Store) -> None:
    asked = ask(store)
    claim = claimed(store)
    store.cancel_operation(asked, who="ada")
    assert claim.look() is claim.beat() is Sign.CANCELLED
    claim.cancel()
    assert state(store, asked) == "cancelled"


def test_a_dead_worker_s_operation_that_was_to_be_cancelled_is_not_begun_again(store: Store) -> None:
    asked = ask(store)
    claimed(store)
    store.cancel_operation(asked, who="ada")
    assert store.claim_operation("another", dead_after=AT_ONCE) is None
    assert state(store, asked) == "cancelled"


def test_cancelling_what_has_ended_changes_nothing(store: Store) -> None:
    asked = ask(store)
    claimed(store).finish({"run_id": 3})
    before = store.queued_operation(asked)
    assert store.cancel_operation(asked, who="ada") == before
    assert before.result == {"run_id": 3}


def test_only_what_has_ended_can_be_deleted(store: Store) -> None:
    asked = ask(store)
    with pytest.raises(FailedPrecondition, match="waiting; cancel it first"):
        store.delete_operation(asked, who="ada")
    claimed(store).fail(ValueError("no"))
    store.delete_operation(asked, who="ada")
    with pytest.raises(NotFound):
        store.queued_operation(asked)


def test_pages_are_newest_first_and_filtered(store: Store) -> None:
    asked = [ask(store, TrainLtv()), *(ask(store) for _ in range(3))]
    store.cancel_operation(asked[2], who="ada")
    waiting = compile_filter('kind = "score" AND state = "waiting"', FILTER_FIELDS)
    first = store.queued_operations(where=waiting, page_size=1)
    second = store.queued_operations(where=waiting, page_size=5, after=first[0].operation_id)
    assert [record.operation_id for record in (*first, *second)] == [asked[3], asked[1]]


def register(claim: Claim) -> ModelVersion:
    return ClaimedStore(claim).register_model("ltv-revenue", "bg_nbd", b"bytes", lineage(), {})


def test_a_training_that_is_begun_again_registers_once(store: Store) -> None:
    ask(store, TrainLtv())
    first, again = register(claimed(store)), register(claimed(store, AT_ONCE))
    assert first == again == store.champion()
    assert len(store.model_versions()) == 1


def test_a_worker_that_lost_its_claim_registers_nothing(store: Store) -> None:
    ask(store, TrainLtv())
    dead, _ = claimed(store), claimed(store, AT_ONCE)
    with pytest.raises(ClaimLost):
        register(dead)
    assert store.model_versions() == []


def test_a_cancelled_training_registers_nothing(store: Store) -> None:
    asked = ask(store, TrainLtv())
    claim = claimed(store)
    store.cancel_operation(asked, who="ada")
    with pytest.raises(Cancelled):
        register(claim)
    assert store.model_versions() == []


def test_a_job_of_a_worker_records_its_steps_in_the_claimed_operation(store: Store) -> None:
    asked = ask(store)
    worked_on = ClaimedStore(claimed(store))
    with worked_on.operation("score", {}, who="ada") as operation:
        operation.start("forecasting customers", 10)
        operation.finish({"run_id": 3})
    record = store.queued_operation(asked)
    assert (record.state, record.step, record.total) == ("running", "forecasting customers", 10)
    assert (worked_on.claimed.result, len(store.operations())) == ({"run_id": 3}, 1)
