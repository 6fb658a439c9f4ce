"""RankItems that names a learned ranker: the relevance, the price and the operating point are the server's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from itsdangerous import base64_decode

from farview.client import CallFailed, ExpectedRevenue, FarviewClient, Item, Objective, Relevance
from farview.core.clock import Cut
from farview.simulation.customers import customer_ids
from farview.store.store import Store
from farview.store.values import RANKING, Touchpoint
from farview.v1 import items_pb2 as pb
from jobs.train_journeys import JourneyFit, train_journeys
from jobs.train_ranking import train_ranking
from ranking.relevance_model import RelevanceModel
from server.journeys import ServedJourneys
from server.logs import json_logger
from server.relevance import ServedRankers
from tests.jobs import journey_business
from tests.jobs.ranking_business import CATALOGUE, fill, lists
from tests.server.conftest import Running, _serve, eventually
from tests.server.refusals import fields, refused

CUSTOMERS = 150
CHANNELS = journey_business.WORLD.channels
IDS = [f"I{number:05d}" for number in range(40)]


@pytest.fixture(scope="session")
def ranked_business(initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A business that saw lists, with two rankers."""
    path = Path(shutil.copy(initialised, tmp_path_factory.mktemp("ranked") / "farview.db"))
    store = Store.open(f"sqlite:///{path}")
    fill(store, CUSTOMERS)
    train_ranking(store, model="lambdamart", who="test")
    train_ranking(store, model="best_feature", relevance_loss=0.0, who="test")
    store.close()
    return path


@pytest.fixture(scope="session")
def shop(ranked_business: Path) -> Iterator[Running]:
    yield from _serve(f"sqlite:///{ranked_business}")


@pytest.fixture
def client(shop: Running) -> Iterator[FarviewClient]:
    with FarviewClient(shop.address) as farview:
        yield farview


def bare(ids: list[str] = IDS) -> list[Item]:
    return [Item(item_id, {}) for item_id in ids]


def order(answer: pb.RankItemsResponse) -> list[str]:
    return [item.item_id for item in answer.items]


def told(shop: Running, name: str = RANKING, customer_id: str = "") -> Any:
    """What the ranker tells of IDS, past the wire."""
    log = json_logger(shop.log)
    journeys = ServedJourneys(shop.store, log)
    rankers = ServedRankers(shop.store, journeys, log)
    rankers.refresh()
    journeys.refresh()
    return rankers.learned(name, customer_id, IDS)


def test_items_are_ranked_by_the_relevance_that_the_model_tells(shop: Running, client: FarviewClient) -> None:
    relevance = told(shop).relevance
    answer = client.rank_items(bare(), [Objective("relevance")], relevance=Relevance(), explain=True)
    values = {item.item_id: item.explanation.parts[0].value for item in answer.items}
    assert values == dict(zip(IDS, relevance.tolist(), strict=True))
    assert [values[item_id] for item_id in order(answer)] == sorted(values.values(), reverse=True)
    assert answer.model_version == "ranking/1"


def test_without_a_blend_the_operating_point_of_the_model_decides(shop: Running, client: FarviewClient) -> None:
    weight = shop.store.champion(RANKING).lineage.configuration["relevance_weight"]
    assert weight < 1
    blend = [Objective("relevance", weight), Objective("price", 1 - weight)]
    by_default = client.rank_items(bare(), relevance=Relevance(), seed=1)
    assert order(by_default) == order(client.rank_items(bare(), blend, relevance=Relevance(), seed=1))
    assert order(by_default) != order(
        client.rank_items(bare(), [Objective("relevance")], relevance=Relevance(), seed=1)
    )


def test_prices_come_from_the_catalogue_unless_they_are_sent(client: FarviewClient) -> None:
    items = [Item("I00000", {}), Item("I00001", {}), Item("I00002", {"price": 123_456})]
    answer = client.rank_items(items, [Objective("price")], relevance=Relevance(), explain=True)
    values = {item.item_id: item.explanation.parts[0].value for item in answer.items}
    expected = {"I00000": CATALOGUE.price[0], "I00001": CATALOGUE.price[1], "I00002": 123_456.0}
    assert values == pytest.approx(expected)


def test_expected_revenue_takes_the_probability_of_the_model(shop: Running, client: FarviewClient) -> None:
    probability = told(shop).probability
    answer = client.rank_items(bare(), ExpectedRevenue(), relevance=Relevance())
    scores = {item.item_id: item.score for item in answer.items}
    expected = dict(zip(IDS, (probability * CATALOGUE.price[: len(IDS)]).tolist(), strict=True))
    assert scores == pytest.approx(expected, rel=1e-9)


def test_the_past_of_a_customer_counts(shop: Running) -> None:
    shown = lists(CUSTOMERS)
    (clicks,) = np.nonzero((shown.grade >= 1).any(axis=1))
    customer = customer_ids(shown.customer[clicks[:1]])[0].as_py()
    known = shop.store.impressions_of(customer, datetime.now(UTC), 10)
    assert known.num_rows > 0
    assert not np.array_equal(told(shop, customer_id=customer).relevance, told(shop).relevance)


def test_a_version_may_be_named(shop: Running, client: FarviewClient) -> None:
    answer = client.rank_items(bare(), [Objective("relevance")], relevance=Relevance(model="ranking/2"), explain=True)
    assert answer.model_version == "ranking/2"
    values = {item.item_id: item.explanation.parts[0].value for item in answer.items}
    assert values == dict(zip(IDS, told(shop, "ranking/2").relevance.tolist(), strict=True))


def test_an_item_that_nobody_knows_has_a_relevance_and_needs_a_price(client: FarviewClient, shop: Running) -> None:
    items = [Item("I00001", {}), Item("unheard of", {})]
    assert len(client.rank_items(items, [Objective("relevance")], relevance=Relevance()).items) == 2
    unpriced = pb.RankItemsRequest(
        items=[pb.CandidateItem(item_id="unheard of")], relevance_model=pb.RelevanceModel(name="ranking")
    )
    error = refused(lambda: shop.prioritization.RankItems(unpriced))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert fields(error) == ["items[0].price"]


def test_the_token_names_the_ranker(client: FarviewClient) -> None:
    token = client.rank_items(bare(), relevance=Relevance()).feedback_token
    assert b'"ranking/1"' in base64_decode(token.partition(".")[0])


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        ({"relevance_model": {"name": "ltv"}}, "INVALID_ARGUMENT", "relevance_model.name"),
        ({"relevance_model": {"name": "ranking/0"}}, "INVALID_ARGUMENT", "relevance_model.name"),
        ({"relevance_model": {}}, "INVALID_ARGUMENT", "relevance_model.name"),
        (
            {"relevance_model": {"name": "ranking", "customer_id": "x" * 257}},
            "INVALID_ARGUMENT",
            "relevance_model.customer_id",
        ),
        ({"relevance_model": {"name": "ranking"}, "value_names": ["relevance"]}, "INVALID_ARGUMENT", "value_names"),
        ({}, "INVALID_ARGUMENT", "blend"),
        ({"relevance_model": {"name": "ranking/77"}}, "NOT_FOUND", ""),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Running, request_: dict[str, Any], code: str, field: str) -> None:
    values = [1.0] if "value_names" in request_ else []
    wrong = pb.RankItemsRequest(items=[pb.CandidateItem(item_id="I00001", values=values)], **request_)
    error = refused(lambda: shop.prioritization.RankItems(wrong))
    assert error.code() is getattr(grpc.StatusCode, code)
    if field:
        assert fields(error) == [field]


def test_before_a_ranker_is_registered_it_cannot_be_named(empty: Running) -> None:
    wrong = pb.RankItemsRequest(items=[pb.CandidateItem(item_id="a")], relevance_model={"name": "ranking"})
    error = refused(lambda: empty.prioritization.RankItems(wrong))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "farview train ranking" in str(error.details())


def test_a_batch_goes_on_after_a_ranker_that_is_none(shop: Running) -> None:
    def keyed(key: str, name: str) -> pb.KeyedRankItemsRequest:
        request = pb.RankItemsRequest(items=[pb.CandidateItem(item_id="I00001")], relevance_model={"name": name})
        return pb.KeyedRankItemsRequest(key=key, request=request)

    batch = pb.BatchRankItemsRequest(requests=[keyed("a", "ranking/77"), keyed("b", "ranking")])
    answers = {answer.key: answer.WhichOneof("result") for answer in shop.prioritization.BatchRankItems(batch)}
    assert answers == {"a": "error", "b": "ranking"}


def test_a_promoted_ranker_is_served_soon(ranked_business: Path, tmp_path: Path) -> None:
    copy = shutil.copy(ranked_business, tmp_path / "copy.db")
    with contextmanager(_serve)(f"sqlite:///{copy}") as running, FarviewClient(running.address) as client:
        assert client.rank_items(bare(), relevance=Relevance()).model_version == "ranking/1"
        running.store.promote(RANKING, 2, expected_champion=1, force=True, who="ada", why="a test")
        eventually(lambda: client.rank_items(bare(), relevance=Relevance()).model_version == "ranking/2")


def test_the_downstream_value_is_the_sale_or_what_the_journey_still_brings(
    ranked_business: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(ranked_business, tmp_path / "copy.db")
    store = Store.open(f"sqlite:///{copy}")
    journey_business.fill(store, 150)
    version = train_journeys(store, fit=JourneyFit("markov"), who="test")
    customer = (
        store.touchpoints(Cut(journey_business.LAST_DAY, datetime.now(UTC))).read_all()["customer_id"][-1].as_py()
    )
    now = datetime.now(UTC)
    store.record_touchpoints([Touchpoint(customer, now - timedelta(hours=1), "click", CHANNELS[0])], who="test")
    store.close()
    with contextmanager(_serve)(f"sqlite:///{copy}") as running, FarviewClient(running.address) as client:
        learned = told(running, customer_id=customer)
        journey = learned.going_on()
        assert 0 < journey < version.metrics["mean_conversion_value"]
        assert told(running, customer_id="nobody").going_on() == 0
        by = [Objective("downstream_value")]
        answer = client.rank_items(bare(), by, relevance=Relevance(customer), explain=True)
        values = {item.item_id: item.explanation.parts[0].value for item in answer.items}
        p = learned.probability
        expected = p * CATALOGUE.price[: len(IDS)] + (1 - p) * journey
        # The journey's worth falls by the second; the two were asked for moments apart.
        assert values == pytest.approx(dict(zip(IDS, expected.tolist(), strict=True)), rel=1e-3)


def test_without_a_journey_model_there_is_no_downstream_value(shop: Running, client: FarviewClient) -> None:
    with pytest.raises(CallFailed, match="no journey model is fitted yet"):
        client.rank_items(bare(), [Objective("downstream_value")], relevance=Relevance("ann"))


def test_without_a_ranker_downstream_value_is_no_objective(client: FarviewClient) -> None:
    with pytest.raises(CallFailed, match="is 'downstream_value'; there are price"):
        client.rank_items(bare(), [Objective("downstream_value")])


def test_an_artifact_is_what_was_registered(shop: Running) -> None:
    version = shop.store.champion(RANKING)
    model = RelevanceModel.from_artifact(shop.store.artifact(version))
    assert (model.name, model.relevance_weight) == ("lambdamart", version.lineage.configuration["relevance_weight"])
