"""RankItems: order, scores, ties, reasons; with nothing stored."""

import math
from typing import Any

import numpy as np
import pytest

from farview.client import ExpectedRevenue, FarviewClient, Item, Objective
from farview.v1 import items_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import details, fields, refused

# The worked example: relevance ranks A5 B4 C3 D2 E1, price ranks A1 B5 C3 D4 E2.
WORKED: dict[str, Any] = {
    "items": [
        {"item_id": name, "price": price, "values": [relevance]}
        for name, relevance, price in (("A", 0.9, 1), ("B", 0.7, 50), ("C", 0.5, 12), ("D", 0.3, 20), ("E", 0.1, 9))
    ],
    "value_names": ["relevance"],
    "blend": {"rank_product": {"objectives": [{"name": "relevance"}, {"name": "price"}]}},
}
OFFERS: dict[str, Any] = {
    "items": [
        {"item_id": "sofa", "price": 900, "purchase_probability": 0.01},
        {"item_id": "lamp", "price": 60, "purchase_probability": 0.1},
        {"item_id": "bulb", "price": 4, "purchase_probability": 0.5},
    ],
    "blend": {"expected_revenue": {}},
}
SAME: dict[str, Any] = {
    "items": [{"item_id": f"item-{number}", "price": 5} for number in range(40)],
    "blend": {"rank_product": {"objectives": [{"name": "price"}]}},
}


def ask(running: Running, **request: Any) -> pb.RankItemsResponse:
    """The answer but its token, which is another each time."""
    answer: pb.RankItemsResponse = running.prioritization.RankItems(pb.RankItemsRequest(**request))
    answer.ClearField("feedback_token")
    return answer


def ids(answer: pb.RankItemsResponse) -> list[str]:
    return [item.item_id for item in answer.items]


def parts(answer: pb.RankItemsResponse, item_id: str) -> dict[str, pb.ItemScorePart]:
    return {part.name: part for item in answer.items if item.item_id == item_id for part in item.explanation.parts}


def test_the_worked_example_comes_in_order_over_the_wire(reading: Running) -> None:
    assert ids(ask(reading, **WORKED)) == ["B", "C", "D", "A", "E"]


def test_a_rank_product_is_scored_by_ranks_and_is_no_money(reading: Running) -> None:
    first = ask(reading, **WORKED).items[0]
    assert first.score == pytest.approx(math.sqrt(4 * 5), rel=1e-11)
    assert first.currency_code == ""


def test_items_are_ranked_before_any_model_or_run_exists(empty: Running) -> None:
    assert ids(ask(empty, **WORKED)) == ["B", "C", "D", "A", "E"]


def test_places_count_from_one_without_gaps(reading: Running) -> None:
    assert [item.place for item in ask(reading, **WORKED).items] == [1, 2, 3, 4, 5]


def test_weights_default_to_one_and_are_relative(reading: Running) -> None:
    weighed = [{"name": "relevance", "weight": 0.5}, {"name": "price", "weight": 0.5}]
    weighed_answer = ask(reading, **{**WORKED, "blend": {"rank_product": {"objectives": weighed}}}, seed=1)
    assert weighed_answer == ask(reading, **WORKED, seed=1)


def test_an_objective_of_weight_zero_decides_nothing(reading: Running) -> None:
    weighed = [{"name": "relevance"}, {"name": "price", "weight": 0}]
    answer = ask(reading, **{**WORKED, "blend": {"rank_product": {"objectives": weighed}}})
    assert ids(answer) == ["A", "B", "C", "D", "E"]


def test_values_of_one_bin_share_a_rank(reading: Running) -> None:
    binned = {"rank_product": {"objectives": [{"name": "price", "bin_width": 10}]}}
    answer = ask(reading, **{**WORKED, "blend": binned}, include_explanation=True)
    assert {name: parts(answer, name)["price"].rank for name in "ABCDE"} == {"A": 1.5, "E": 1.5, "C": 3, "D": 4, "B": 5}


def test_expected_revenue_is_probability_times_price_in_the_reporting_currency(reading: Running) -> None:
    answer = ask(reading, **OFFERS)
    assert ids(answer) == ["sofa", "lamp", "bulb"]
    assert [item.score for item in answer.items] == pytest.approx([9, 6, 2], rel=1e-11)
    assert {item.currency_code for item in answer.items} == {"USD"}


def test_under_ln_the_score_is_no_money(reading: Running) -> None:
    answer = ask(reading, **{**OFFERS, "blend": {"expected_revenue": {"price_function": pb.PRICE_FUNCTION_LN}}})
    assert ids(answer) == ["bulb", "lamp", "sofa"]
    assert answer.items[0].score == pytest.approx(0.5 * math.log(4), rel=1e-11)
    assert {item.currency_code for item in answer.items} == {""}


def test_an_item_may_cost_nothing(reading: Running) -> None:
    free = {"item_id": "gift", "price": 0, "purchase_probability": 1}
    answer = ask(reading, **{**OFFERS, "items": [free, *OFFERS["items"]]})
    assert (answer.items[-1].item_id, answer.items[-1].score) == ("gift", 0)


@pytest.mark.parametrize("request_fields", [WORKED, OFFERS, SAME], ids=["rank product", "expected revenue", "ties"])
def test_the_order_of_the_candidates_does_not_matter(reading: Running, request_fields: dict[str, Any]) -> None:
    shuffled = [request_fields["items"][i] for i in np.random.default_rng(5).permutation(len(request_fields["items"]))]
    straight = ask(reading, **request_fields, seed=3, include_explanation=True)
    assert ask(reading, **{**request_fields, "items": shuffled}, seed=3, include_explanation=True) == straight


def test_the_answered_seed_repeats_the_answer(reading: Running) -> None:
    first = ask(reading, **SAME)
    assert ask(reading, **SAME, seed=first.seed) == first


def test_a_seed_of_the_caller_comes_back(reading: Running) -> None:
    assert ask(reading, **SAME, seed=0).seed == 0


def test_equal_scores_are_drawn_anew_without_a_seed(reading: Running) -> None:
    assert len({tuple(ids(ask(reading, **SAME))) for _ in range(3)}) == 3


def test_nothing_is_explained_unless_asked(reading: Running) -> None:
    assert not any(item.HasField("explanation") for item in ask(reading, **WORKED).items)


def test_the_factors_multiply_to_the_score(reading: Running) -> None:
    for item in ask(reading, **WORKED, include_explanation=True).items:
        assert item.score == pytest.approx(math.prod(part.factor for part in item.explanation.parts), rel=1e-11)


def test_an_explanation_tells_value_rank_and_the_place_without(reading: Running) -> None:
    told = parts(ask(reading, **WORKED, include_explanation=True), "A")
    assert list(told) == ["relevance", "price"]
    assert (told["price"].value, told["price"].rank, told["price"].place_without) == (1, 1, 1)
    assert (told["relevance"].value, told["relevance"].rank, told["relevance"].place_without) == (0.9, 5, 5)


def test_expected_revenue_is_explained_in_the_names_of_the_request(reading: Running) -> None:
    told = parts(ask(reading, **OFFERS, include_explanation=True), "sofa")
    assert list(told) == ["purchase_probability", "price"]
    assert (told["purchase_probability"].factor, told["price"].factor) == (0.01, 900)
    assert (told["purchase_probability"].place_without, told["price"].place_without) == (1, 3)


def test_an_objective_called_probability_keeps_its_name(reading: Running) -> None:
    blend = {"rank_product": {"objectives": [{"name": "probability"}]}}
    answer = ask(reading, **{**WORKED, "value_names": ["probability"], "blend": blend}, include_explanation=True)
    assert list(parts(answer, "A")) == ["probability"]


def test_a_thousand_items_with_long_ids_and_sixteen_objectives_are_ranked(reading: Running) -> None:
    names = [f"objective_{k}" for k in range(16)]
    values = np.random.default_rng(2).random((1_000, 16))
    items = [{"item_id": f"{i:0256d}", "values": row} for i, row in enumerate(values)]
    blend = {"rank_product": {"objectives": [{"name": name} for name in names]}}
    answer = ask(reading, items=items, value_names=names, blend=blend)
    assert len(set(ids(answer))) == 1_000


def test_every_wrong_item_is_named_at_once(reading: Running) -> None:
    bad = [{"item_id": name, "price": -1, "values": [math.nan]} for name in "ab"]
    error = refused(lambda: ask(reading, **{**WORKED, "items": [WORKED["items"][0], *bad]}))
    assert fields(error) == ["items[1].price", "items[1].values[0]", "items[2].price", "items[2].values[0]"]


def test_a_thousand_wrong_items_make_a_small_status(reading: Running) -> None:
    bad = [{"item_id": str(i), "price": -1, "values": [1]} for i in range(1_000)]
    assert len(fields(refused(lambda: ask(reading, **{**WORKED, "items": bad})))) == 50


def test_an_unknown_objective_is_told_the_known_ones(reading: Running) -> None:
    error = refused(
        lambda: ask(reading, **{**WORKED, "blend": {"rank_product": {"objectives": [{"name": "shoe_size"}]}}})
    )
    assert "there are price, purchase_probability, relevance" in error.details()
    assert details(error)["ErrorInfo"].reason == "INVALID_INPUT"  # type: ignore[attr-defined]


def test_the_client_ranks_by_objectives(client: FarviewClient) -> None:
    items = [
        Item(item["item_id"], {"price": item["price"], "relevance": item["values"][0]}) for item in WORKED["items"]
    ]
    assert ids(client.rank_items(items, [Objective("relevance"), Objective("price")])) == ["B", "C", "D", "A", "E"]


def test_the_client_ranks_by_expected_revenue(client: FarviewClient) -> None:
    items = [
        Item("lamp", {"price": 60, "purchase_probability": 0.1}),
        Item("bulb", {"price": 4, "purchase_probability": 0.5}),
    ]
    assert ids(client.rank_items(items, ExpectedRevenue())) == ["lamp", "bulb"]
    assert ids(client.rank_items(items, ExpectedRevenue(ln_price=True))) == ["bulb", "lamp"]


def test_the_client_says_which_item_differs_before_anything_is_sent(client: FarviewClient) -> None:
    items = [Item("a", {"relevance": 1}), Item("b", {"relevanec": 1})]
    with pytest.raises(ValueError, match="item 'b' differs from the first item in relevance, relevanec"):
        client.rank_items(items, [Objective("relevance")])
