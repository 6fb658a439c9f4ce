"""Calls of PrioritizationService."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from farview.client import messages
from farview.client.connection import Connection
from farview.client.item_lists import ItemList
from farview.client.values import (
    ExpectedRevenue,
    Floor,
    FloorTerms,
    InSegment,
    Item,
    Objective,
    Order,
    Reach,
    Relevance,
    Reserve,
    Retrieval,
)
from farview.v1 import items_pb2, prioritization_pb2, prioritization_pb2_grpc

_ITEM_FIELDS = ("price", "purchase_probability")


class PrioritizationCalls:
    """See protos/farview/v1/prioritization.proto and items.proto."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prioritization = prioritization_pb2_grpc.PrioritizationServiceStub(connection.channel)

    def prioritize(
        self,
        capacity: int,
        among: str | Sequence[str] | InSegment = "",
        floors: Sequence[Floor] = (),
        *,
        order: Order = Order(),  # noqa: B008 - frozen, as are the others
        terms: FloorTerms = FloorTerms(),  # noqa: B008
        reach: Reach = Reach(),  # noqa: B008
        reserve: Reserve | None = None,
    ) -> prioritization_pb2.PrioritizeCustomersResponse:
        """An ordered audience.

        Args:
            among: a filter, customer ids, or a segment; "" is everyone.
            floors: of this one list.
            order: by what; default: the mean expected value at the longest horizon.
            terms: how floors are counted; default: in places, and the call fails when they cannot all hold.
            reach: what the customers must allow, and how often they may be contacted.
            reserve: guarantees under which the places are reserved, in place of floors.
        """
        report, refuse = prioritization_pb2.SHORTFALL_POLICY_REPORT, prioritization_pb2.SHORTFALL_POLICY_REFUSE
        request = prioritization_pb2.PrioritizeCustomersRequest(
            capacity=capacity,
            horizon_days=order.horizon_days,
            floors=[
                prioritization_pb2.ExposureFloor(floor_id=f.name, cohort_filter=f.cohort_filter, share=f.share)
                for f in floors
            ],
            on_shortfall=report if terms.report_shortfall else refuse,
            seed=order.seed,
            contact=prioritization_pb2.Contact(channel=reach.channel, purpose=reach.purpose),
            caps=[
                prioritization_pb2.ContactCap(window_days=days, max_contacts=most) for days, most in reach.caps.items()
            ],
        )
        _choose_among(request, among)
        if terms.by_attention:
            request.exposure_unit = prioritization_pb2.EXPOSURE_UNIT_ATTENTION
        if order.score is not None:
            request.score.CopyFrom(order.score)
        elif order.quantile is not None:
            request.score.quantile.level = order.quantile
        if reserve is not None:
            request.guarantee_ids.extend(reserve.guarantee_ids)
            request.reservation_minutes = reserve.minutes
            request.request_id = messages.request_id(reserve.request_id)
        return self._connection.call(self._prioritization.PrioritizeCustomers, request)

    def rank_items(
        self,
        items: Sequence[Item] | Retrieval,
        by: Sequence[Objective] | ExpectedRevenue | None = None,
        *,
        relevance: Relevance | None = None,
        arrange: ItemList | None = None,
        explain: bool = False,
        seed: int | None = None,
    ) -> items_pb2.RankItemsResponse:
        """At most 1,000 items in the order to show them. The first item says which values all of them have.

        Args:
            items: those to be ranked, or how they are found in the catalogue.
            by: what the score is; None: with `relevance` relevance and price at the model's operating point, with a
                Retrieval alone the order in which items were found.
            relevance: the learned ranker that tells it; None: items say all that is known.
            arrange: length, rules, diversity and exploration of the list; None is all items by score alone.
        """
        request = ranking_request(items, by, relevance=relevance, arrange=arrange, explain=explain, seed=seed)
        return self._connection.call(self._prioritization.RankItems, request)

    def rank_many(
        self, requests: Mapping[str, items_pb2.RankItemsRequest]
    ) -> Iterator[items_pb2.BatchRankItemsResponse]:
        """Many rankings in one call, each under its key, as they are made: a `ranking`, or the `error` that it met.

        Args:
            requests: by key, such as a customer's id; see `ranking_request`.
        """
        keyed = [items_pb2.KeyedRankItemsRequest(key=key, request=request) for key, request in requests.items()]
        batch = items_pb2.BatchRankItemsRequest(requests=keyed)
        return self._connection.stream(self._prioritization.BatchRankItems, batch)


def effect_score(action: str, *, contact_cost: Decimal | None = None, currency: str = "") -> prioritization_pb2.Score:
    """Orders by what an action changes, for `prioritize` and for the audience of `start_prioritization`.

    Args:
        action: one that effects are published of (`farview score --effects`).
        contact_cost: of one contact, taken off; None: nothing.
        currency: of the cost, the reporting currency; needed with one.
    """
    effect = prioritization_pb2.TreatmentEffectScore(action=action)
    cost = None if contact_cost is None else messages.money_of(contact_cost, currency)
    return prioritization_pb2.Score(treatment_effect=effect, contact_cost=cost)


def ranking_request(
    items: Sequence[Item] | Retrieval,
    by: Sequence[Objective] | ExpectedRevenue | None = None,
    *,
    relevance: Relevance | None = None,
    arrange: ItemList | None = None,
    explain: bool = False,
    seed: int | None = None,
) -> items_pb2.RankItemsRequest:
    """What `rank_items` sends, for `rank_many`."""
    request = items_pb2.RankItemsRequest(seed=seed, include_explanation=explain)
    _candidates(request, items)
    if isinstance(by, ExpectedRevenue):
        ln, identity = items_pb2.PRICE_FUNCTION_LN, items_pb2.PRICE_FUNCTION_IDENTITY
        request.blend.expected_revenue.price_function = ln if by.ln_price else identity
    elif by is not None:
        request.blend.rank_product.SetInParent()
        for objective in by:
            request.blend.rank_product.objectives.add(
                name=objective.name, weight=objective.weight, bin_width=objective.bin_width
            )
    if relevance is not None:
        request.relevance_model.name, request.relevance_model.customer_id = relevance.model, relevance.customer_id
    if arrange is not None:
        arrange.ask(request)
    return request


def _choose_among(
    request: prioritization_pb2.PrioritizeCustomersRequest, among: str | Sequence[str] | InSegment
) -> None:
    if isinstance(among, InSegment):
        request.segment_id = among.segment_id
    elif not isinstance(among, str):
        request.customers.SetInParent()
        request.customers.customer_ids.extend(among)
    elif among:
        request.filter = among


def _candidates(request: items_pb2.RankItemsRequest, items: Sequence[Item] | Retrieval) -> None:
    if isinstance(items, Retrieval):
        request.retrieval.name, request.retrieval.customer_id = items.model, items.customer_id
        request.retrieval.item_count, request.retrieval.include_taken = items.item_count, items.include_taken
        return
    names = [name for name in (items[0].values if items else {}) if name not in _ITEM_FIELDS]
    request.items.extend(_candidate(item, names) for item in items)
    request.value_names.extend(names)


def _candidate(item: Item, names: Sequence[str]) -> items_pb2.CandidateItem:
    unlike = {*item.values}.symmetric_difference([*names, *_ITEM_FIELDS]) - {*_ITEM_FIELDS}
    if unlike:
        raise ValueError(f"item {item.item_id!r} differs from the first item in {', '.join(sorted(unlike))}")
    return items_pb2.CandidateItem(
        item_id=item.item_id,
        price=item.values.get("price"),
        purchase_probability=item.values.get("purchase_probability"),
        values=[item.values[name] for name in names],
        category=item.facts.category,
        brand=item.facts.brand,
        stock=item.facts.stock,
        owned=item.facts.owned,
        is_new=item.facts.is_new,
        features=item.facts.features,
    )
