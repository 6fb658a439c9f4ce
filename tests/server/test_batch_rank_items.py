"""BatchRankItems: many rankings in one stream, each under its key, and what holds around streams."""

from typing import Any

import grpc
import pytest

from farview.client import CallFailed, FarviewClient, Item, Objective, ranking_request
from farview.v1 import items_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused


def request(*prices: float, **more: Any) -> pb.RankItemsRequest:
    items = [{"item_id": f"i{number}", "price": price} for number, price in enumerate(prices)]
    blend = {"rank_product": {"objectives": [{"name": "price"}]}}
    return pb.RankItemsRequest(items=items, blend=blend, seed=1, **more)


def ask(running: Running, **requests: pb.RankItemsRequest) -> dict[str, pb.BatchRankItemsResponse]:
    keyed = [pb.KeyedRankItemsRequest(key=key, request=each) for key, each in requests.items()]
    answers = running.prioritization.BatchRankItems(pb.BatchRankItemsRequest(requests=keyed))
    return {answer.key: answer for answer in answers}


def test_each_key_has_the_ranking_that_rank_items_gives(reading: Running) -> None:
    asked = {"ann": request(1, 3, 2), "bob": request(5, 4)}
    answers = ask(reading, **asked)
    for key, each in asked.items():
        alone = reading.prioritization.RankItems(each)
        assert list(answers[key].ranking.items) == list(alone.items)


def test_a_wrong_request_has_its_error_and_the_others_go_on(reading: Running) -> None:
    pinned = request(1, rules={"pins": [{"item_id": "i0", "place": 1}], "blocked_item_ids": ["i0"]})
    answers = ask(reading, bad=request(1, -1), torn=pinned, good=request(1, 2))
    assert answers["bad"].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "items[1].price" in answers["bad"].error.message
    assert answers["torn"].error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert len(answers["good"].ranking.items) == 2


def test_a_key_that_stands_twice_is_refused(reading: Running) -> None:
    twice = [pb.KeyedRankItemsRequest(key="a", request=request(1))] * 2
    error = refused(lambda: list(reading.prioritization.BatchRankItems(pb.BatchRankItemsRequest(requests=twice))))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["requests"])


def test_an_empty_key_is_named(reading: Running) -> None:
    odd = [pb.KeyedRankItemsRequest(key="", request=request(1))]
    error = refused(lambda: list(reading.prioritization.BatchRankItems(pb.BatchRankItemsRequest(requests=odd))))
    assert fields(error) == ["requests[0].key"]


def test_too_many_items_together_are_refused(reading: Running) -> None:
    large = request(*range(1_000))
    keyed = [pb.KeyedRankItemsRequest(key=str(number), request=large) for number in range(101)]
    error = refused(lambda: list(reading.prioritization.BatchRankItems(pb.BatchRankItemsRequest(requests=keyed))))
    assert "hold 101,000 items together" in error.details()


def test_undecodable_bytes_of_a_stream_are_an_invalid_argument(reading: Running) -> None:
    call = reading.channel.unary_stream("/farview.v1.PrioritizationService/BatchRankItems")
    error = refused(lambda: list(call(b"\xff\xff\xff")))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["request"])


def test_a_stream_carries_the_callers_request_id(reading: Running) -> None:
    keyed = [pb.KeyedRankItemsRequest(key="a", request=request(1))]
    batch = pb.BatchRankItemsRequest(requests=keyed)
    call = reading.prioritization.BatchRankItems(batch, metadata=(("x-request-id", "crm-7"),))
    assert len(list(call)) == 1
    assert dict(call.trailing_metadata())["x-request-id"] == "crm-7"


def test_a_stream_that_its_caller_left_frees_the_server(reading: Running) -> None:
    keyed = [pb.KeyedRankItemsRequest(key=str(n), request=request(*range(300))) for n in range(100)]
    call = reading.prioritization.BatchRankItems(pb.BatchRankItemsRequest(requests=keyed))
    next(call)
    call.cancel()
    assert len(ask(reading, a=request(1))) == 1


def test_the_client_ranks_many(client: FarviewClient) -> None:
    items = [Item("a", {"price": 1}), Item("b", {"price": 2})]
    asked = ranking_request(items, [Objective("price")])
    answers = {each.key: each.ranking for each in client.rank_many({"ann": asked, "bob": asked})}
    assert [item.item_id for item in answers["bob"].items] == ["b", "a"]


def test_the_client_tells_what_is_wrong_with_a_stream(client: FarviewClient) -> None:
    with pytest.raises(CallFailed, match="requests: is empty"):
        list(client.rank_many({}))
