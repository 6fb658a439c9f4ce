"""PrioritizeCustomers by what an action changes: the request checked, the audience chosen, over random forecasts."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from farview.client import effect_score
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.core.schemas import TREATMENT_EFFECTS
from farview.store.store import Store
from farview.store.values import Business, Transaction
from farview.v1 import prioritization_pb2 as pb
from farview.v1.job_pb2 import StartPrioritizationRequest
from jobs.prioritize import prioritize_customers as prioritize_customers_as_a_job
from server.audiences import Audiences
from server.convert.audience_requests import start_prioritization
from server.convert.fields import Surroundings
from server.convert.prioritization_requests import prioritize_customers
from server.feedback_tokens import FeedbackTokens
from server.logs import json_logger
from server.metrics import Metrics
from server.snapshot import Served
from tests.store.worlds import forecasts, lineage, publish, register, spec

NAMES = ["a", "b", "c", "d"]
EMAIL = {"treatment_effect": {"action": "email"}}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A run of four customers."""
    opened = Store.open(database_url)
    opened.set_business(Business("UTC", "USD", consent_required=False))
    bought = [Transaction(name, datetime(2024, 2, 1, tzinfo=UTC), Decimal(5), "USD") for name in NAMES]
    opened.record_transactions(bought, who="ada")
    publish(opened, opened.begin_run(spec(register(opened))), forecasts(NAMES))
    yield opened
    opened.close()


@pytest.fixture
def audiences(store: Store) -> Audiences:
    logger = json_logger(io.StringIO())
    served = Served(store, logger, Metrics(CollectorRegistry()))
    served.refresh()
    return Audiences(store, served, FeedbackTokens(store.signing_keys()))


def ask(audiences: Audiences, score: dict[str, Any] | pb.Score) -> pb.PrioritizeCustomersResponse:
    request = pb.PrioritizeCustomersRequest(capacity=4, score=score)  # type: ignore[arg-type]
    return audiences.choose(prioritize_customers(request, Surroundings("USD", datetime.now(UTC))))


def effects(store: Store, of_email: dict[str, float]) -> None:
    model = store.register_model("uplift", "x_learner", b"bytes", lineage(), {})
    rows = [{"customer_id": name, "action": "email", "effect": effect} for name, effect in of_email.items()]
    batch = pa.RecordBatch.from_pylist(rows, schema=TREATMENT_EFFECTS)
    store.publish_effects(model, date(2024, 2, 29), [batch], who="ada")


def test_who_is_changed_most_comes_first_and_who_is_put_off_last(store: Store, audiences: Audiences) -> None:
    effects(store, dict(zip(NAMES, (-3.0, 1.0, 8.0, 2.0), strict=True)))
    answer = ask(audiences, EMAIL)
    assert [customer.customer_id for customer in answer.customers] == ["c", "d", "b", "a"]
    assert [customer.parts.treatment_effect for customer in answer.customers] == [8.0, 2.0, 1.0, -3.0]
    assert {customer.currency_code for customer in answer.customers} == {"USD"}


def test_the_cost_of_the_contact_is_taken_off(store: Store, audiences: Audiences) -> None:
    effects(store, dict.fromkeys(NAMES, 2.0))
    answer = ask(audiences, {**EMAIL, "contact_cost": {"currency_code": "USD", "nanos": 500_000_000}})
    assert {customer.score for customer in answer.customers} == {1.5}


def test_a_customer_without_an_effect_has_the_mean_of_all(store: Store, audiences: Audiences) -> None:
    effects(store, {"a": 1.0, "b": 4.0})
    answer = ask(audiences, EMAIL)
    assert [customer.score for customer in answer.customers] == [4.0, 2.5, 2.5, 1.0]


def test_effects_that_are_published_anew_act_on_the_next_call(store: Store, audiences: Audiences) -> None:
    for first in ("a", "b"):
        effects(store, {name: 5.0 if name == first else 0.0 for name in NAMES})
        assert ask(audiences, EMAIL).customers[0].customer_id == first


def test_without_effects_the_mend_is_said(audiences: Audiences) -> None:
    with pytest.raises(FailedPrecondition, match="farview score --effects"):
        ask(audiences, EMAIL)


@pytest.mark.parametrize(("action", "said"), [("call", "there are email"), ("", "score.treatment_effect.action")])
def test_an_action_without_effects_is_named(store: Store, audiences: Audiences, action: str, said: str) -> None:
    effects(store, {"a": 1.0})
    with pytest.raises(InvalidInput, match=said):
        ask(audiences, {"treatment_effect": {"action": action}})


def stored(store: Store, score: pb.Score) -> list[tuple[str, float]]:
    """(customer, score) of the audience that a worker stores."""
    audience = pb.PrioritizeCustomersRequest(capacity=4, score=score)
    request = StartPrioritizationRequest(request_id="r", audience=audience)
    asked = start_prioritization(request, Surroundings("USD", datetime.now(UTC))).for_worker()
    made = prioritize_customers_as_a_job(store, asked, who="ada")
    members = store.audience_page(made.audience_id, page_size=4).to_pylist()
    return [(member["customer_id"], member["score"]) for member in members]


def test_a_stored_audience_is_the_one_that_a_call_answers(store: Store, audiences: Audiences) -> None:
    effects(store, {"a": -3.0, "b": 1.5, "c": 8.0})
    score = effect_score("email", contact_cost=Decimal("0.5"), currency="USD")
    answer = ask(audiences, score)
    assert stored(store, score) == [(customer.customer_id, customer.score) for customer in answer.customers]
    assert [customer.customer_id for customer in answer.customers] == ["c", "d", "b", "a"]


def test_a_stored_audience_needs_effects_of_the_action(store: Store) -> None:
    with pytest.raises(FailedPrecondition, match="farview score --effects"):
        stored(store, effect_score("email"))
    effects(store, {"a": 1.0})
    with pytest.raises(InvalidInput, match="'call' has no effects; there are email"):
        stored(store, effect_score("call"))


def test_effects_that_are_published_while_they_are_read_are_the_ones_that_count(
    store: Store, audiences: Audiences, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects(store, dict.fromkeys(NAMES, 1.0))
    read = Store.treatment_effects

    def late(self: Store, run_id: int, action: str) -> pa.Table:
        monkeypatch.undo()
        effects(store, dict.fromkeys(NAMES, 9.0))
        return read(self, run_id, action)

    monkeypatch.setattr(Store, "treatment_effects", late)
    assert {customer.score for customer in ask(audiences, EMAIL).customers} == {9.0}
