"""A ranking of items as a protobuf message."""

from collections.abc import Mapping, Sequence

from farview.v1 import items_pb2 as pb
from ranking.arrange import Arranged, Reason
from ranking.expected_revenue import ExpectedRevenue, PriceFunction
from ranking.items import Blend, Part, RankedItems
from server.convert.item_columns import PROBABILITY

_REASONS = {reason: pb.ItemPlacementReason.Value(f"ITEM_PLACEMENT_REASON_{reason.name}") for reason in Reason}


def message(ranked: RankedItems, blend: Blend, reporting_currency: str, feedback_token: str) -> pb.RankItemsResponse:
    """The whole answer. The messages are filled where they lie: handed over finished, each would be copied."""
    answer = _empty(len(ranked.ids), len(ranked.parts))
    answer.seed, answer.feedback_token = ranked.seed, feedback_token
    items = list(answer.items)
    rows = zip(items, ranked.ids.tolist(), ranked.scores.tolist(), strict=True)
    for place, (item, item_id, score) in enumerate(rows, 1):
        item.place, item.item_id, item.score = place, item_id, score
    if isinstance(blend, ExpectedRevenue) and blend.price_function is PriceFunction.IDENTITY:
        for item in items:
            item.currency_code = reporting_currency
    if ranked.parts:
        _explain(items, ranked.parts, {"probability": PROBABILITY} if isinstance(blend, ExpectedRevenue) else {})
    return answer


def arrange(answer: pb.RankItemsResponse, arranged: Arranged) -> None:
    """Adds how each item came to its place."""
    columns = (arranged.items.tolist(), arranged.propensities.tolist(), arranged.supported.tolist())
    for item, reason, row, propensity, support in zip(answer.items, arranged.reasons, *columns, strict=True):
        told = item.arrangement
        told.reason, told.score_place = _REASONS[reason], row + 1
        told.propensity, told.support_count = propensity, support


def _empty(items: int, parts: int) -> pb.RankItemsResponse:
    """Items without content, decoded at once: to add them one by one takes twice as long."""
    item = pb.RankedItem()
    if parts:
        item.explanation.parts.extend([pb.ItemScorePart()] * parts)
    one = pb.RankItemsResponse(items=[item]).SerializeToString()
    return pb.RankItemsResponse.FromString(one * items)


def _explain(items: Sequence[pb.RankedItem], parts: Sequence[Part], request_names: Mapping[str, str]) -> None:
    told_of = [list(item.explanation.parts) for item in items]
    for number, part in enumerate(parts):
        name = request_names.get(part.name, part.name)
        columns = (part.values, part.ranks, part.factors, part.places_without)
        rows = zip(told_of, *(column.tolist() for column in columns), strict=True)
        for all_told, value, rank, factor, place_without in rows:
            told = all_told[number]
            told.name, told.value, told.rank, told.factor, told.place_without = name, value, rank, factor, place_without
