"""RankItems beyond the score: the ranked items arranged by rules, diversity and exploration."""

from ranking.arrange import Arranged, arrange
from ranking.items import RankedItems
from ranking.terms import ascending_ranks
from server.convert.item_arrangement import Arrangement


def arranged_items(ranked: RankedItems, asked: Arrangement) -> tuple[RankedItems, Arranged]:
    """The items of the list, first place first, and how each came to its place.

    Raises:
        InvalidInput: the request names what its items do not have.
        Infeasible: the rules cannot hold together.
    """
    order = ranked.items
    relevance = ascending_ranks(ranked.scores) / len(order)
    arranged = arrange(
        relevance,
        asked.item_rules(order),
        asked.gain(order, relevance),
        asked.capacity,
        explore=asked.explore(order),
        seed=ranked.seed,
    )
    return ranked.take(arranged.items), arranged
