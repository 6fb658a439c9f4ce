"""RankItems without candidates: a next-item model finds them in the catalogue."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from itsdangerous import base64_decode

from farview.client import FarviewClient, Item, ItemList, ListRules, Objective, Relevance, Retrieval, ranking_request
from farview.store.store import Store
from farview.store.values import NEXT_ITEM
from farview.v1 import items_pb2 as pb
from jobs.train_next_item import NextItemFit, train_next_item
from jobs.train_ranking import train_ranking
from ranking.next_item_model import NextItems
from tests.jobs.ranking_business import fill
from tests.server.conftest import Running, _serve, eventually
from tests.server.refusals import fields, refused

CLICKS = 1


@pytest.fixture(scope="session")
def stocked(initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A business with two next-item models and a ranker."""
    path = Path(shutil.copy(initialised, tmp_path_factory.mktemp("stocked") / "farview.db"))
    store = Store.open(f"sqlite:///{path}")
    fill(store, 60)
    train_next_item(store, fit=NextItemFit("item_knn", CLICKS), who="test")
    train_next_item(store, fit=NextItemFit("popularity", CLICKS), who="test")
    train_ranking(store, model="best_feature", who="test")
    store.close()
    return path


@pytest.fixture(scope="session")
def shop(stocked: Path) -> Iterator[Running]:
    yield from _serve(f"sqlite:///{stocked}")


@pytest.fixture
def client(shop: Running) -> Iterator[FarviewClient]:
    with FarviewClient(shop.address) as farview:
        yield farview


def ids(answer: pb.RankItemsResponse) -> list[str]:
    return [item.item_id for item in answer.items]


def model(shop: Running, number: int = 1) -> NextItems:
    return NextItems.from_artifact(shop.store.artifact(shop.store.model_version(NEXT_ITEM, number)))


def busiest(shop: Running) -> tuple[str, list[str]]:
    """The customer who clicked on most items, and these, oldest first."""
    found: dict[str, list[str]] = {}
    for customer in (f"C{number:07d}" for number in range(60)):
        rows = shop.store.impressions_of(customer, datetime.now(UTC), 2_000).to_pylist()
        clicked = [row for row in rows if row["grade"] >= CLICKS]
        clicked.sort(key=lambda row: (row["time"], row["query_id"], row["position"]))
        found[customer] = [row["item_id"] for row in clicked]
    return max(found.items(), key=lambda pair: len(pair[1]))


def test_items_come_as_the_model_finds_them_for_the_customer(shop: Running, client: FarviewClient) -> None:
    customer, taken = busiest(shop)
    assert len(taken) > 1
    answer = client.rank_items(Retrieval(customer, item_count=30))
    known = model(shop)
    assert ids(answer) == [known.items[code] for code in known.best(taken, 30)]
    assert answer.retrieval_model_version == "next-item/1"
    assert answer.model_version == ""
    assert not set(ids(answer)) & set(taken)


def test_what_was_taken_comes_again_when_asked_and_is_owned(shop: Running, client: FarviewClient) -> None:
    customer, taken = busiest(shop)
    again = Retrieval(customer, item_count=1_000, include_taken=True)
    assert set(ids(client.rank_items(again))) >= set(taken)
    hidden = client.rank_items(again, arrange=ItemList(rules=ListRules(hide_owned=True)))
    assert not set(ids(hidden)) & set(taken)


def test_two_hundred_items_come_by_default_and_the_capacity_shortens_the_list(client: FarviewClient) -> None:
    unsaid = pb.RankItemsRequest(retrieval={"name": "next-item"}, seed=1)
    assert unsaid.retrieval.item_count == 0
    full = client.rank_items(Retrieval(), seed=1)
    assert len(full.items) == 200
    assert ids(client.rank_items(Retrieval(), arrange=ItemList(7))) == ids(full)[:7]


def test_the_catalogue_tells_prices_brands_and_categories(shop: Running, client: FarviewClient) -> None:
    catalogue = {row["item_id"]: row for row in shop.store.items().to_pylist()}
    dearest = client.rank_items(Retrieval(item_count=50), [Objective("price")], explain=True)
    told = {item.item_id: item.explanation.parts[0].value for item in dearest.items}
    assert told == {item_id: catalogue[item_id]["price"] for item_id in told}
    one_each = client.rank_items(Retrieval(item_count=50), arrange=ItemList(rules=ListRules(max_per_category=1)))
    categories = [catalogue[item_id]["category"] for item_id in ids(one_each)]
    assert len(set(categories)) == len(categories)


def test_novelty_damps_popularity(shop: Running, client: FarviewClient) -> None:
    known = model(shop, 2)
    takers = dict(zip(known.items, known.takers.tolist(), strict=True))
    answer = client.rank_items(Retrieval(model="next-item/2", item_count=40), [Objective("novelty")])
    assert answer.retrieval_model_version == "next-item/2"
    shown = [takers[item_id] for item_id in ids(answer)]
    assert shown == sorted(shown)


def test_a_ranker_orders_what_was_retrieved(client: FarviewClient) -> None:
    found = ids(client.rank_items(Retrieval(item_count=25)))
    answer = client.rank_items(Retrieval(item_count=25), [Objective("relevance")], relevance=Relevance(), seed=1)
    named = client.rank_items(
        [Item(item_id, {}) for item_id in found], [Objective("relevance")], relevance=Relevance(), seed=1
    )
    assert ids(answer) == ids(named)
    assert (answer.model_version, answer.retrieval_model_version) == ("ranking/1", "next-item/1")


def test_the_token_names_the_model_that_found_the_items(client: FarviewClient) -> None:
    token = client.rank_items(Retrieval(item_count=3)).feedback_token
    assert b'"next-item/1"' in base64_decode(token.partition(".")[0])


def test_a_batch_retrieves_for_every_customer(client: FarviewClient) -> None:
    asked = {customer: ranking_request(Retrieval(customer, 5)) for customer in ("C0000001", "C0000002")}
    asked["wrong"] = ranking_request(Retrieval(model="next-item/77"))
    answers = {answer.key: answer for answer in client.rank_many(asked)}
    assert {key: answer.WhichOneof("result") for key, answer in answers.items()} == {
        "C0000001": "ranking",
        "C0000002": "ranking",
        "wrong": "error",
    }
    assert len(answers["C0000001"].ranking.items) == 5


def test_a_batch_counts_what_it_retrieves(shop: Running) -> None:
    each = {"retrieval": {"name": "next-item", "item_count": 1_000}}
    batch = pb.BatchRankItemsRequest(requests=[{"key": str(n), "request": each} for n in range(101)])
    error = refused(lambda: list(shop.prioritization.BatchRankItems(batch)))
    assert fields(error) == ["requests"]
    assert "101,000 items" in error.details()


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        ({"retrieval": {}}, "INVALID_ARGUMENT", "retrieval.name"),
        ({"retrieval": {"name": "ranking"}}, "INVALID_ARGUMENT", "retrieval.name"),
        ({"retrieval": {"name": "next-item", "item_count": 1_001}}, "INVALID_ARGUMENT", "retrieval.item_count"),
        ({"retrieval": {"name": "next-item", "item_count": -1}}, "INVALID_ARGUMENT", "retrieval.item_count"),
        (
            {"retrieval": {"name": "next-item", "customer_id": "x" * 257}},
            "INVALID_ARGUMENT",
            "retrieval.customer_id",
        ),
        ({"retrieval": {"name": "next-item"}, "items": [{"item_id": "a"}]}, "INVALID_ARGUMENT", "items"),
        ({"retrieval": {"name": "next-item"}, "value_names": ["a"]}, "INVALID_ARGUMENT", "value_names"),
        ({"retrieval": {"name": "next-item/77"}}, "NOT_FOUND", ""),
        ({}, "INVALID_ARGUMENT", "items"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Running, request_: dict[str, Any], code: str, field: str) -> None:
    error = refused(lambda: shop.prioritization.RankItems(pb.RankItemsRequest(**request_)))
    assert error.code() is getattr(grpc.StatusCode, code)
    if field:
        assert fields(error)[0] == field


def test_before_a_model_is_registered_nothing_is_retrieved(empty: Running) -> None:
    error = refused(lambda: empty.prioritization.RankItems(pb.RankItemsRequest(retrieval={"name": "next-item"})))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "farview train next-item" in str(error.details())


def test_a_promoted_model_is_served_soon(stocked: Path, tmp_path: Path) -> None:
    copy = shutil.copy(stocked, tmp_path / "copy.db")
    with contextmanager(_serve)(f"sqlite:///{copy}") as running, FarviewClient(running.address) as client:
        assert client.rank_items(Retrieval()).retrieval_model_version == "next-item/1"
        running.store.promote(NEXT_ITEM, 2, expected_champion=1, force=True, who="ada", why="a test")
        eventually(lambda: client.rank_items(Retrieval()).retrieval_model_version == "next-item/2")
