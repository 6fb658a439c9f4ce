"""A ranking of items as a protobuf message."""

from farview.v1 import items_pb2 as pb
from ranking.arrange import Arranged, Reason
from ranking.expected_revenue import ExpectedRevenue, PriceFunction
from ranking.items import Blend, RankedItems
from server.convert.item_columns import PROBABILITY
from server.convert.item_wire import written_items

_REASONS = {reason: pb.ItemPlacementReason.Value(f"ITEM_PLACEMENT_REASON_{reason.name}") for reason in Reason}


def message(ranked: RankedItems, blend: Blend, reporting_currency: str, feedback_token: str) -> pb.RankItemsResponse:
    """The whole answer."""
    revenue = isinstance(blend, ExpectedRevenue)
    money = isinstance(blend, ExpectedRevenue) and blend.price_function is PriceFunction.IDENTITY
    names = [PROBABILITY if revenue and part.name == "probability" else part.name for part in ranked.parts]
    wire = written_items(ranked, reporting_currency if money else "", names)
    answer: pb.RankItemsResponse = pb.RankItemsResponse.FromString(wire)
    answer.seed, answer.feedback_token = ranked.seed, feedback_token
    return answer


def arrange(answer: pb.RankItemsResponse, arranged: Arranged) -> None:
    """Adds how each item came to its place."""
    columns = (arranged.items.tolist(), arranged.propensities.tolist(), arranged.supported.tolist())
    for item, reason, row, propensity, support in zip(answer.items, arranged.reasons, *columns, strict=True):
        told = item.arrangement
        told.reason, told.score_place = _REASONS[reason], row + 1
        told.propensity, told.support_count = propensity, support
