"""RankItems with rules, diversity and exploration."""

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import pytest

from farview.client import Diversity, Exploration, FarviewClient, Item, ItemFacts, ItemList, ListRules, Objective
from farview.v1 import items_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

# Ten items a to j, best first; odd ones are toys of brand "acme", even ones books.
ITEMS: list[dict[str, Any]] = [
    {
        "item_id": name,
        "price": 10 - i,
        "category": "toys" if i % 2 else "books",
        "brand": "acme" if i % 2 else "other",
        "stock": i % 5,
        "owned": i == 1,
        "is_new": i > 7,
        "features": [1.0, 0.1 * i] if i < 5 else [0.1 * i, 1.0],
        "values": [0.1],
    }
    for i, name in enumerate("abcdefghij")
]
BASE: dict[str, Any] = {
    "items": ITEMS,
    "value_names": ["sd"],
    "blend": {"rank_product": {"objectives": [{"name": "price"}]}},
    "seed": 1,
}
Reason = pb.ItemPlacementReason


def ask(running: Running, **request: Any) -> pb.RankItemsResponse:
    return running.prioritization.RankItems(pb.RankItemsRequest(**{**BASE, **request}))


def ids(answer: pb.RankItemsResponse) -> str:
    return "".join(item.item_id for item in answer.items)


def test_capacity_shortens_the_list_and_tells_nothing_more(reading: Running) -> None:
    answer = ask(reading, capacity=3)
    assert ids(answer) == "abc"
    assert not any(item.HasField("arrangement") for item in answer.items)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"blocked_item_ids": ["a", "unheard of"]}, "bcdefghij"),
        ({"blocked_brands": ["acme"]}, "acegi"),
        ({"hide_out_of_stock": True}, "bcdeghij"),
        ({"hide_owned": True}, "acdefghij"),
        ({"max_per_category": 2}, "abcd"),
        ({"pins": [{"item_id": "j", "place": 2}]}, "ajbcdefghi"),
        ({"new_item_share": 0.2}, "abcdiefghj"),
    ],
)
def test_rules_hold(reading: Running, rules: Mapping[str, Any], expected: str) -> None:
    assert ids(ask(reading, rules=rules)) == expected


def test_the_answer_tells_how_each_place_came_about(reading: Running) -> None:
    answer = ask(reading, rules={"pins": [{"item_id": "j", "place": 1}], "max_per_category": 1})
    assert ids(answer) == "ja"
    told = [item.arrangement for item in answer.items]
    assert [t.reason for t in told] == [Reason.ITEM_PLACEMENT_REASON_PIN, Reason.ITEM_PLACEMENT_REASON_SCORE]
    assert [t.score_place for t in told] == [10, 1]
    assert [(t.propensity, t.support_count) for t in told] == [(1, 1), (1, 1)]


def test_rules_that_contradict_each_other_are_refused_by_name(reading: Running) -> None:
    rules = {"pins": [{"item_id": "a", "place": 1}], "blocked_item_ids": ["a"]}
    error = refused(lambda: ask(reading, rules=rules))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "pinned at place 1 is hidden by another rule" in error.details()


@pytest.mark.parametrize("method", ["maximal_marginal_relevance", "determinantal_point_process"])
def test_an_unlike_item_comes_sooner(reading: Running, method: str) -> None:
    answer = ask(reading, diversity={"relevance_weight": 0.3, method: {}}, capacity=2)
    assert answer.items[0].item_id == "a"
    assert answer.items[1].item_id > "e"
    assert answer.items[1].arrangement.reason == Reason.ITEM_PLACEMENT_REASON_DIVERSITY


def test_categories_come_in_the_shares_wanted(reading: Running) -> None:
    shares = [{"category": "toys", "share": 3}, {"category": "books", "share": 1}]
    answer = ask(reading, diversity={"relevance_weight": 0, "calibrated_categories": {"shares": shares}}, capacity=4)
    assert sorted(ids(answer)) == ["a", "b", "d", "f"]


def test_a_category_that_is_wanted_is_covered_first(reading: Running) -> None:
    shares = [{"category": "toys", "share": 3}, {"category": "books", "share": 1}]
    answer = ask(reading, diversity={"relevance_weight": 0, "aspect_coverage": {"shares": shares}}, capacity=2)
    assert ids(answer) == "ba"


def test_drawn_places_carry_their_propensity(reading: Running) -> None:
    answer = ask(reading, exploration={"epsilon": 0.5}, capacity=3)
    for place, item in enumerate(answer.items):
        left = 10 - place
        assert item.arrangement.support_count == left
        assert item.arrangement.propensity == pytest.approx(
            0.5 / left + (item.arrangement.reason != Reason.ITEM_PLACEMENT_REASON_EXPLORATION) * 0.5
        )


def test_uncertainty_spreads_the_draw(reading: Running) -> None:
    answer = ask(reading, exploration={"epsilon": 0.01, "uncertainty_name": "sd"}, capacity=1)
    assert 0 < answer.items[0].arrangement.propensity < 0.9


def test_the_order_of_the_candidates_does_not_matter(reading: Running) -> None:
    shuffled = [ITEMS[i] for i in np.random.default_rng(1).permutation(10)]
    asked = {
        "rules": {"max_per_category": 4, "new_item_share": 0.2},
        "diversity": {"determinantal_point_process": {}},
        "exploration": {"epsilon": 0.3},
    }
    assert ids(ask(reading, **asked)) == ids(ask(reading, items=shuffled, **asked))


@pytest.mark.parametrize(
    ("request_fields", "wrong"),
    [
        ({"capacity": 0}, ["capacity"]),
        ({"rules": {"max_per_category": 0}}, ["rules.max_per_category"]),
        ({"rules": {"new_item_share": 1.5}}, ["rules.new_item_share"]),
        ({"rules": {"pins": [{"item_id": "z", "place": 1}]}}, ["rules.pins[0].item_id"]),
        ({"rules": {"pins": [{"item_id": "a", "place": 0}]}}, ["rules.pins[0].place"]),
        ({"rules": {"pins": [{"item_id": "a", "place": 1}, {"item_id": "a", "place": 2}]}}, ["rules"]),
        ({"diversity": {}}, ["diversity"]),
        ({"diversity": {"calibrated_categories": {}}}, ["diversity"]),
        ({"diversity": {"aspect_coverage": {}}}, ["diversity"]),
        ({"diversity": {"aspect_coverage": {"shares": [{"category": "a"}]}}}, ["diversity.shares[0].share"]),
        ({"diversity": {"relevance_weight": 1, "maximal_marginal_relevance": {}}}, ["diversity.relevance_weight"]),
        ({"exploration": {}}, ["exploration.epsilon"]),
        ({"exploration": {"epsilon": 0.1, "uncertainty_name": "no"}}, ["exploration.uncertainty_name"]),
        (
            {"items": [{"item_id": "a", "price": 1, "values": [1]}], "diversity": {"maximal_marginal_relevance": {}}},
            ["items[0].features"],
        ),
    ],
)
def test_what_is_wrong_is_named(reading: Running, request_fields: dict[str, Any], wrong: list[str]) -> None:
    assert fields(refused(lambda: ask(reading, **request_fields))) == wrong


def test_the_client_arranges_a_list(client: FarviewClient) -> None:
    items = [
        Item(name, {"relevance": 9 - i}, ItemFacts(category="one" if i < 3 else "two", features=(1.0, i)))
        for i, name in enumerate("abcdef")
    ]
    rules = ListRules(pins={"f": 1}, blocked_item_ids=["a"], max_per_category=2)
    asked = ItemList(capacity=3, rules=rules, diversity=Diversity(0.9), exploration=Exploration(0.01, 0.0))
    assert ids(client.rank_items(items, [Objective("relevance")], arrange=asked)).startswith("fb")


def test_the_client_asks_for_shares_of_categories(client: FarviewClient) -> None:
    items = [Item(name, {"relevance": 9 - i}, ItemFacts(category=str(i // 3))) for i, name in enumerate("abcdef")]
    asked = ItemList(capacity=2, diversity=Diversity(0.1, category_shares={"0": 1, "1": 1}))
    assert ids(client.rank_items(items, [Objective("relevance")], arrange=asked)) == "ad"
    covering = ItemList(capacity=2, diversity=Diversity(0.1, category_shares={"1": 9, "0": 1}, covering=True))
    assert ids(client.rank_items(items, [Objective("relevance")], arrange=covering)) == "da"
