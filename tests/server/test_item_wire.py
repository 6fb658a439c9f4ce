"""Items in protobuf's wire form: read and written as protobuf itself does, whatever a message holds."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.v1 import items_pb2 as pb
from ranking.items import Part, RankedItems
from server.convert.item_wire import read_items, written_items
from tests.tiers import examples

COUNTS = settings(max_examples=examples(ci=150, soak=10_000), deadline=None)
VALUES = 3
doubles = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)
# Fields that the contract does not have: a number, eight bytes, a text, four bytes, and a group around an "item_id".
UNKNOWN = (
    b"\xa0\x06\x96\x01",
    b"\xa1\x06" + b"\x01" * 8,
    b"\xa2\x06\x03\x0a\x01x",
    b"\xa5\x06\x00\x00\x00\x01",
    b"\xa3\x06\x0a\x01x\xab\x06\xac\x06\xa4\x06",
)


@st.composite
def candidates(draw: st.DrawFn) -> pb.CandidateItem:
    item = pb.CandidateItem(
        item_id=draw(texts),
        price=draw(st.none() | doubles),
        purchase_probability=draw(st.none() | doubles),
        values=draw(st.lists(doubles, max_size=VALUES + 2)),
        category=draw(texts),
        stock=draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
        owned=draw(st.booleans()),
        features=draw(st.lists(doubles, max_size=20)),
    )
    return pb.CandidateItem.FromString(item.SerializeToString() + b"".join(draw(st.lists(st.sampled_from(UNKNOWN)))))


@COUNTS
@given(st.lists(candidates(), max_size=6), st.lists(st.sampled_from(UNKNOWN)), st.text())
def test_columns_are_what_attributes_say(items: list[pb.CandidateItem], unknown: list[bytes], name: str) -> None:
    request = pb.RankItemsRequest(items=items, value_names=[name], seed=7, include_explanation=True)
    request = pb.RankItemsRequest.FromString(request.SerializeToString() + b"".join(unknown))
    read = read_items(request, VALUES)
    assert read.ids == [item.item_id for item in items]
    assert read.sent.tolist() == [[item.HasField("price"), item.HasField("purchase_probability")] for item in items]
    assert read.value_counts.tolist() == [len(item.values) for item in items]
    expected = [[item.price, item.purchase_probability, *[*item.values, *[0.0] * VALUES][:VALUES]] for item in items]
    assert read.numbers.tolist() == expected


def test_ids_that_may_be_none_are_marked() -> None:
    ids = ["", "a\0b", "x" * 257, "x" * 256, "é" * 200, "good"]
    read = read_items(pb.RankItemsRequest(items=[pb.CandidateItem(item_id=item_id) for item_id in ids]), 0)
    assert read.odd_ids.tolist() == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]  # 200 characters of two bytes: to be looked at


def random_ranking(random: np.random.Generator, items: int, parts: int) -> RankedItems:
    def numbers() -> Any:
        return random.choice([0.0, -0.0, 1.5, np.inf, 1e-300, random.normal()], items)

    told = tuple(
        Part(f"part {k}", numbers(), numbers(), numbers(), random.integers(0, 2**31, items)) for k in range(parts)
    )
    lengths = random.integers(1, 300, items)
    ids = np.array(["é" * int(length) for length in lengths], dtype=object)
    return RankedItems(ids, np.arange(items), numbers(), told, seed=0)


@COUNTS
@given(st.integers(0, 300), st.integers(0, 4), st.sampled_from(["", "EUR"]), st.integers(0, 2**32))
def test_written_items_are_the_messages_filled_field_by_field(items: int, parts: int, currency: str, seed: int) -> None:
    ranked = random_ranking(np.random.default_rng(seed), items, parts)
    names = [f"{part.name} {'x' * 200}" for part in ranked.parts]
    expected = pb.RankItemsResponse()
    for row in range(items):
        item = expected.items.add(
            place=row + 1, item_id=ranked.ids[row], score=ranked.scores[row], currency_code=currency
        )
        for name, part in zip(names, ranked.parts, strict=True):
            item.explanation.parts.add(
                name=name,
                value=part.values[row],
                rank=part.ranks[row],
                factor=part.factors[row],
                place_without=part.places_without[row],
            )
    assert pb.RankItemsResponse.FromString(written_items(ranked, currency, names)) == expected
