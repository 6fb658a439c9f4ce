"""Operations: what a long job is doing, and how it ended."""

import pytest

from farview.store.store import Store


def test_a_finished_job_is_done_with_its_result(store: Store) -> None:
    with store.operation("score", {"seed": 1}, who="ada") as operation:
        operation.finish({"run_id": 3})
    record = store.operations()[0]
    assert (record.kind, record.state, record.request, record.result, record.who) == (
        "score",
        "done",
        {"seed": 1},
        {"run_id": 3},
        "ada",
    )


def test_a_failed_job_keeps_its_error_and_raises_it(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.operation("score", {}, who="ada"):
        raise ZeroDivisionError("no customers")
    record = store.operations()[0]
    assert (record.state, record.error) == ("failed", "ZeroDivisionError: no customers")


def test_a_running_job_shows_its_step_and_how_far_it_is(store: Store) -> None:
    with store.operation("score", {}, who="ada") as operation:
        operation.start("forecasting customers", 100)
        for _ in range(7):
            operation.advance(10)
        operation.done()
        record = store.operations()[0]
        assert (record.state, record.step, record.done, record.total) == ("running", "forecasting customers", 70, 100)
        assert record.ended_at is None
        operation.finish({})


def test_the_newest_operation_comes_first(store: Store) -> None:
    for kind in ("train", "score"):
        with store.operation(kind, {}, who="ada") as operation:
            operation.finish({})
    assert [record.kind for record in store.operations()] == ["score", "train"]
