"""RecordExposures: what an answer proves, what the caller says, and that each place is stored once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from sqlalchemy import create_engine, text

from farview.client import Exposure, FarviewClient, Item, Objective
from farview.v1 import feedback_pb2 as pb
from farview.v1 import items_pb2, prioritization_pb2
from server.feedback_tokens import Answer, FeedbackTokens
from tests.server.conftest import Running
from tests.server.refusals import details, fields, refused

ROOT = Path(__file__).resolve().parents[2]
PRICES = {"rank_product": {"objectives": [{"name": "price"}]}}
THREE = [{"item_id": name, "price": price} for name, price in (("kettle", 39), ("lamp", 60), ("spoon", 4))]
AUDIENCE = Answer("PrioritizeCustomers", places=3, forecast_run_id=7, model_version="ltv-revenue/2")
PLAN = Answer("PlanJourney", places=2, model_version="journeys/3", plan_id=17, customer_id="ada")


def now() -> Timestamp:
    message = Timestamp()
    message.GetCurrentTime()
    return message


def at(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def signed(running: Running, answer: Answer) -> str:
    """The token that a server of this database gives."""
    return FeedbackTokens(running.store.signing_keys()).issue(answer)


def ranking(running: Running) -> items_pb2.RankItemsResponse:
    return running.prioritization.RankItems(items_pb2.RankItemsRequest(items=THREE, blend=PRICES))


def shown(place: int, **fields_of_it: Any) -> pb.Exposure:
    return pb.Exposure(**{"place": place, "exposure_time": now(), **fields_of_it})


def record(running: Running, request_id: str, token: str, *exposures: pb.Exposure) -> pb.RecordExposuresResponse:
    return running.feedback.RecordExposures(
        pb.RecordExposuresRequest(request_id=request_id, feedback_token=token, exposures=exposures)
    )


def counts(answer: pb.RecordExposuresResponse) -> tuple[int, int]:
    return answer.new_count, answer.unchanged_count


def wrong_fields(running: Running, answer: Answer, *exposures: pb.Exposure) -> list[str]:
    error = refused(lambda: record(running, "r1", signed(running, answer), *exposures))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    return fields(error)


def stored(url: str) -> list[tuple[Any, ...]]:
    columns = "place, customer_id, item_id, method, forecast_run_id, model_version, plan_id"
    return selected(url, f"select {columns} from exposures order by place, item_id")


def selected(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    engine.dispose()
    return [tuple(row) for row in rows]


def test_items_shown_are_stored_with_the_answer_they_come_from(either: Running, database_url: str) -> None:
    token = ranking(either).feedback_token
    answer = record(either, "r1", token, shown(2, item_id="kettle", customer_id="ada"), shown(1, item_id="lamp"))
    assert counts(answer) == (2, 0)
    assert stored(database_url) == [
        (1, None, "lamp", "RankItems", None, None, None),
        (2, "ada", "kettle", "RankItems", None, None, None),
    ]


def test_customers_contacted_are_stored_with_run_and_model(either: Running, database_url: str) -> None:
    record(either, "r1", signed(either, AUDIENCE), shown(3, customer_id="ada"))
    assert stored(database_url) == [(3, "ada", None, "PrioritizeCustomers", 7, "ltv-revenue/2", None)]


def test_a_touch_of_a_plan_is_stored_for_the_customer_of_the_plan(either: Running, database_url: str) -> None:
    token = signed(either, PLAN)
    record(either, "r1", token, shown(1), shown(2, customer_id="ada"))
    assert stored(database_url) == [
        (1, "ada", None, "PlanJourney", None, "journeys/3", 17),
        (2, "ada", None, "PlanJourney", None, "journeys/3", 17),
    ]


def test_an_audience_names_its_run_model_and_places(reading: Running) -> None:
    audience = reading.prioritization.PrioritizeCustomers(prioritization_pb2.PrioritizeCustomersRequest(capacity=5))
    told = FeedbackTokens(reading.store.signing_keys()).read(audience.feedback_token)
    run = audience.forecast_run
    assert (told.method, told.places) == ("PrioritizeCustomers", 5)
    assert (str(told.forecast_run_id), told.model_version) == (run.forecast_run_id, run.model_version)


def test_each_answer_has_its_own_token(reading: Running) -> None:
    assert ranking(reading).feedback_token != ranking(reading).feedback_token


def test_the_same_request_is_stored_once_and_answered_alike(either: Running, database_url: str) -> None:
    token, exposure = signed(either, AUDIENCE), shown(1, customer_id="ada")
    first, second = (record(either, "r1", token, exposure) for _ in range(2))
    assert first == second
    assert len(stored(database_url)) == 1


def test_a_place_reported_again_is_unchanged_also_with_another_time(either: Running, database_url: str) -> None:
    token = signed(either, AUDIENCE)
    record(either, "r1", token, shown(1, customer_id="ada"))
    later = at(datetime.now(UTC) + timedelta(hours=1))
    again = record(either, "r2", token, shown(1, customer_id="ada", exposure_time=later), shown(2, customer_id="ben"))
    assert counts(again) == (1, 1)
    assert len(stored(database_url)) == 2


def test_the_customer_of_a_plan_is_the_same_said_or_not(either: Running) -> None:
    token = signed(either, PLAN)
    record(either, "r1", token, shown(1))
    assert counts(record(either, "r2", token, shown(1, customer_id="ada"))) == (0, 1)


def test_the_same_place_of_another_answer_is_another_exposure(either: Running) -> None:
    record(either, "r1", ranking(either).feedback_token, shown(1, item_id="lamp"))
    assert counts(record(either, "r2", ranking(either).feedback_token, shown(1, item_id="lamp"))) == (1, 0)


def test_a_request_id_with_another_body_is_refused(empty: Running) -> None:
    token = signed(empty, AUDIENCE)
    record(empty, "r1", token, shown(1, customer_id="ada"))
    error = refused(lambda: record(empty, "r1", token, shown(2, customer_id="ada")))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


def test_one_bad_exposure_keeps_all_out(either: Running, database_url: str) -> None:
    refused(lambda: record(either, "r1", signed(either, AUDIENCE), shown(1, customer_id="ada"), shown(4)))
    assert stored(database_url) == []


def test_a_damaged_token_is_refused_with_the_mend(empty: Running) -> None:
    token = ranking(empty).feedback_token
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    error = refused(lambda: record(empty, "r1", changed, shown(1, item_id="lamp")))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["feedback_token"])
    assert "send the token as the answer had it" in error.details()
    assert details(error)["ErrorInfo"].reason == "INVALID_INPUT"  # type: ignore[attr-defined]


def test_a_token_of_another_database_is_refused(empty: Running, reading: Running) -> None:
    error = refused(lambda: record(empty, "r1", ranking(reading).feedback_token, shown(1, item_id="lamp")))
    assert fields(error) == ["feedback_token"]


def test_a_place_beyond_the_answer_is_refused(empty: Running) -> None:
    assert wrong_fields(empty, AUDIENCE, shown(4, customer_id="ada")) == ["exposures[0].place"]


def test_an_answer_without_places_has_no_exposures(empty: Running) -> None:
    nobody = Answer("PlanJourney", places=0, plan_id=1, customer_id="ada")
    assert wrong_fields(empty, nobody, shown(1)) == ["exposures[0].place"]


def test_an_exposure_before_the_answer_is_refused(empty: Running) -> None:
    early = shown(1, customer_id="ada", exposure_time=at(datetime.now(UTC) - timedelta(hours=25)))
    assert wrong_fields(empty, AUDIENCE, early) == ["exposures[0].exposure_time"]


def test_clocks_may_differ_by_a_day(empty: Running) -> None:
    day = timedelta(hours=23, minutes=59)
    times = [at(AUDIENCE.issued_at - day), at(datetime.now(UTC) + day)]
    exposures = [shown(place, customer_id="ada", exposure_time=time) for place, time in enumerate(times, 1)]
    assert counts(record(empty, "r1", signed(empty, AUDIENCE), *exposures)) == (2, 0)


def test_an_audience_needs_the_customer(empty: Running) -> None:
    assert wrong_fields(empty, AUDIENCE, shown(1)) == ["exposures[0].customer_id"]


@pytest.mark.parametrize("answer", [AUDIENCE, PLAN], ids=lambda answer: answer.method)
def test_an_item_belongs_to_no_audience_and_no_plan(empty: Running, answer: Answer) -> None:
    assert wrong_fields(empty, answer, shown(1, customer_id="ada", item_id="lamp")) == ["exposures[0].item_id"]


def test_a_ranking_needs_the_item(empty: Running) -> None:
    items = Answer("RankItems", places=3)
    assert wrong_fields(empty, items, shown(1, customer_id="ada")) == ["exposures[0].item_id"]


def test_another_customer_than_that_of_the_plan_is_refused(empty: Running) -> None:
    assert wrong_fields(empty, PLAN, shown(1, customer_id="ben")) == ["exposures[0].customer_id"]


def test_every_wrong_exposure_is_named_at_once(empty: Running) -> None:
    wrong = wrong_fields(empty, AUDIENCE, shown(9), shown(1, customer_id="ada"), shown(2, item_id="x"))
    assert wrong == [
        "exposures[0].place",
        "exposures[0].customer_id",
        "exposures[2].customer_id",
        "exposures[2].item_id",
    ]


def test_a_thousand_wrong_exposures_make_a_small_status(empty: Running) -> None:
    many = [shown(place) for place in range(1, 1_001)]
    assert len(wrong_fields(empty, Answer("RankItems", places=1_000), *many)) == 50


def test_the_query_of_the_docs_counts_purchases_after_contacts(either: Running, database_url: str) -> None:
    query = (ROOT / "docs" / "feedback.md").read_text().split("```sql\n")[1].split("```")[0]
    if database_url.startswith("sqlite"):
        query = query.replace("INTERVAL '30 days'", "30 * 86400000000")
    contacted = datetime.now(UTC) - timedelta(hours=20)
    customers = [shown(place, customer_id=name, exposure_time=at(contacted)) for place, name in enumerate("abc", 1)]
    record(either, "r1", signed(either, AUDIENCE), *customers)
    sales = [
        {"customer_id": name, "transaction_time": at(contacted + after), "amount": Money(currency_code="USD", units=9)}
        for name, after in (("a", timedelta(hours=1)), ("a", timedelta(hours=2)), ("b", -timedelta(hours=1)))
    ]
    either.feedback.RecordTransactions(pb.RecordTransactionsRequest(request_id="r2", transactions=sales))
    assert selected(database_url, query) == [("ltv-revenue/2", 3, 2)]


def test_long_problems_still_reach_the_caller(empty: Running) -> None:
    plan = Answer("PlanJourney", places=1_000, plan_id=1, customer_id="\N{EARTH GLOBE EUROPE-AFRICA}" * 256)
    others = [shown(place, customer_id="\N{EARTH GLOBE AMERICAS}" * 256) for place in range(1, 1_001)]
    assert wrong_fields(empty, plan, *others)[0] == "exposures[0].customer_id"


def test_the_client_reports_what_was_shown_of_a_ranking(empty: Running) -> None:
    with FarviewClient(empty.address) as client:
        items = [Item(item["item_id"], {"price": item["price"]}) for item in THREE]
        answer = client.rank_items(items, [Objective("price")])
        exposures = [
            Exposure(item.place, datetime.now(UTC), customer_id="ada", item_id=item.item_id) for item in answer.items
        ]
        assert counts(client.record_exposures(answer.feedback_token, exposures)) == (3, 0)
        assert counts(client.record_exposures(answer.feedback_token, exposures)) == (0, 3)
