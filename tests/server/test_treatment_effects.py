"""PrioritizeCustomers by what an action changes."""

from datetime import date

import grpc
import pyarrow as pa
import pytest

from farview.core.schemas import TREATMENT_EFFECTS
from farview.store.store import Store
from farview.v1 import job_pb2, job_pb2_grpc
from farview.v1 import prioritization_pb2 as pb
from tests.server.conftest import Running
from tests.server.test_prioritize_customers import ask, refused
from tests.store.worlds import lineage

DAY = date(1997, 9, 30)
EMAIL = {"treatment_effect": {"action": "email"}}


def publish(store: Store, effects: dict[str, float], action: str = "email") -> None:
    model = store.register_model("uplift", "x_learner", b"bytes", lineage(), {})
    rows = [{"customer_id": name, "action": action, "effect": effect} for name, effect in effects.items()]
    store.publish_effects(model, DAY, [pa.RecordBatch.from_pylist(rows, schema=TREATMENT_EFFECTS)], who="ada")


@pytest.fixture
def names(writing: Running) -> list[str]:
    """Customers of the run, the most valuable first."""
    return [customer.customer_id for customer in ask(writing, capacity=4).customers]


def test_who_is_changed_most_comes_first_and_who_is_put_off_last(writing: Running, names: list[str]) -> None:
    publish(writing.store, dict(zip(names, (-3.0, 1.0, 8.0, 2.0), strict=True)))
    answer = ask(writing, customers={"customer_ids": names}, score=EMAIL)
    assert [customer.customer_id for customer in answer.customers] == [names[2], names[3], names[1], names[0]]
    assert [customer.parts.treatment_effect for customer in answer.customers] == [8.0, 2.0, 1.0, -3.0]
    assert {customer.currency_code for customer in answer.customers} == {"USD"}


def test_the_cost_of_the_contact_is_taken_off(writing: Running, names: list[str]) -> None:
    publish(writing.store, dict.fromkeys(names, 2.0))
    cost = {"contact_cost": {"currency_code": "USD", "nanos": 500_000_000}}
    answer = ask(writing, customers={"customer_ids": names}, score={**EMAIL, **cost})
    assert {customer.score for customer in answer.customers} == {1.5}


def test_a_customer_without_an_effect_has_the_mean_of_all(writing: Running, names: list[str]) -> None:
    publish(writing.store, {names[0]: 1.0, names[1]: 4.0})
    answer = ask(writing, customers={"customer_ids": names[:3]}, score=EMAIL)
    assert [customer.score for customer in answer.customers] == [4.0, 2.5, 1.0]
    assert answer.customers[1].customer_id == names[2]


def test_effects_that_are_published_anew_act_on_the_next_call(writing: Running, names: list[str]) -> None:
    for first in (names[0], names[1]):
        publish(writing.store, {name: 5.0 if name == first else 0.0 for name in names})
        assert ask(writing, capacity=1, score=EMAIL).customers[0].customer_id == first


def test_without_effects_the_mend_is_said(writing: Running) -> None:
    error = refused(lambda: ask(writing, score=EMAIL))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "farview score --effects" in error.details()


@pytest.mark.parametrize(("action", "said"), [("call", "there are email"), ("", "score.treatment_effect.action")])
def test_an_action_without_effects_is_named(writing: Running, names: list[str], action: str, said: str) -> None:
    publish(writing.store, {names[0]: 1.0})
    error = refused(lambda: ask(writing, score={"treatment_effect": {"action": action}}))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in error.details()


def test_a_stored_audience_cannot_have_that_score(writing: Running) -> None:
    request = job_pb2.StartPrioritizationRequest(
        request_id="a", audience=pb.PrioritizeCustomersRequest(capacity=5, score=EMAIL)
    )
    stub = job_pb2_grpc.JobServiceStub(writing.channel)
    error = refused(lambda: stub.StartPrioritization(request))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "PrioritizeCustomers only" in error.details()
