"""What callers say of a list of items beyond the score; see ItemRules, ItemDiversity and ItemExploration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from farview.v1 import items_pb2 as pb


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What rules and diversity read of an item."""

    category: str = ""
    brand: str = ""
    stock: int | None = None  # pieces; None: not limited
    owned: bool = False  # the customer has it
    is_new: bool = False
    features: Sequence[float] = ()  # what makes items alike, such as an embedding; as many for every item


@dataclass(frozen=True, slots=True)
class ListRules:
    """What always holds in the list."""

    pins: Mapping[str, int] = field(default_factory=dict)  # item id -> place, from 1
    blocked_item_ids: Collection[str] = ()
    blocked_brands: Collection[str] = ()
    hide_out_of_stock: bool = False
    hide_owned: bool = False
    max_per_category: int | None = None
    new_item_share: float = 0.0  # of every first n places at least floor(share n) are new items


@dataclass(frozen=True, slots=True)
class Diversity:
    """Lets items unlike those placed before come sooner: by features, or by wanted shares of categories."""

    relevance_weight: float = 0.5  # from 0 to .99
    marginal: bool = False  # maximal marginal relevance in place of the determinantal point process
    category_shares: Mapping[str, float] = field(default_factory=dict)  # calibrates categories when given
    covering: bool = False  # with category_shares: covers categories by who wants them (xQuAD) instead


@dataclass(frozen=True, slots=True)
class Exploration:
    """Draws places with the probabilities that the answer tells."""

    epsilon: float  # above 0, at most 1
    max_relevance_loss: float = 1.0
    uncertainty_name: str = ""  # a value of the items: standard deviation of their relevance


@dataclass(frozen=True, slots=True)
class ItemList:
    """How the list is made of the scored items."""

    capacity: int | None = None  # None: all that the rules allow
    rules: ListRules | None = None
    diversity: Diversity | None = None
    exploration: Exploration | None = None

    def ask(self, request: pb.RankItemsRequest) -> None:
        """Puts it into a request."""
        if self.capacity is not None:
            request.capacity = self.capacity
        if self.rules is not None:
            request.rules.CopyFrom(_rules(self.rules))
        if self.diversity is not None:
            request.diversity.CopyFrom(_diversity(self.diversity))
        if self.exploration is not None:
            request.exploration.epsilon = self.exploration.epsilon
            request.exploration.max_relevance_loss = self.exploration.max_relevance_loss
            request.exploration.uncertainty_name = self.exploration.uncertainty_name


def _rules(rules: ListRules) -> pb.ItemRules:
    return pb.ItemRules(
        pins=[pb.ItemPin(item_id=item_id, place=place) for item_id, place in rules.pins.items()],
        blocked_item_ids=rules.blocked_item_ids,
        blocked_brands=rules.blocked_brands,
        hide_out_of_stock=rules.hide_out_of_stock,
        hide_owned=rules.hide_owned,
        max_per_category=rules.max_per_category,
        new_item_share=rules.new_item_share,
    )


def _diversity(diversity: Diversity) -> pb.ItemDiversity:
    message = pb.ItemDiversity(relevance_weight=diversity.relevance_weight)
    if diversity.category_shares:
        method = message.aspect_coverage if diversity.covering else message.calibrated_categories
        for category, share in diversity.category_shares.items():
            method.shares.add(category=category, share=share)
    elif diversity.marginal:
        message.maximal_marginal_relevance.SetInParent()
    else:
        message.determinantal_point_process.SetInParent()
    return message
