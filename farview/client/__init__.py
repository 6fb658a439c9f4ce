"""Farview for callers in Python: typed, with deadlines, retries and errors that say which field to mend.

    from farview.client import FarviewClient, Floor, Item, JourneyRules, Objective

    with FarviewClient("127.0.0.1:50051") as farview:
        forecast = farview.forecast("00042")
        year = forecast.at(365)
        print(year.expected_value.mean, year.expected_value.q10, year.purchases.p_zero)

        recent = Floor("recent", 'first_purchase_date >= "1997-03-01"', share=0.2)
        audience = farview.prioritize(capacity=100, floors=[recent])
        for customer in audience.customers:
            print(customer.place, customer.customer_id, customer.score)

        items = [Item("kettle", {"price": 39, "relevance": 0.8}), Item("spoon", {"price": 4, "relevance": 0.9})]
        ranking = farview.rank_items(items, [Objective("relevance", weight=2), Objective("price")])
        print([item.item_id for item in ranking.items])

        plan = farview.plan_journey("00042", JourneyRules(max_touches=3, caps={"email": 2})).plan
        print(plan.conversion_probability, [(touch.time.ToDatetime(), touch.channel) for touch in plan.touches])

Answers are the messages of the contract (`farview.v1`), whose comments are the reference.
"""

from farview.client.client import FarviewClient
from farview.client.connection import CallFailed
from farview.client.item_lists import Diversity, Exploration, ItemFacts, ItemList, ListRules
from farview.client.prioritization import effect_score, ranking_request
from farview.client.values import (
    CatalogEntry,
    Conversion,
    CustomerForecast,
    CustomerProfile,
    ExpectedRevenue,
    Exposure,
    Floor,
    FloorTerms,
    InSegment,
    Item,
    JourneyBeside,
    JourneyPrices,
    JourneyRules,
    JourneyTiming,
    Objective,
    Order,
    Promise,
    Purchase,
    Reach,
    Relevance,
    Reserve,
    Retrieval,
    Said,
    Touch,
    Transaction,
)

__all__ = [
    "CallFailed",
    "CatalogEntry",
    "Conversion",
    "CustomerForecast",
    "CustomerProfile",
    "Diversity",
    "ExpectedRevenue",
    "Exploration",
    "Exposure",
    "FarviewClient",
    "Floor",
    "FloorTerms",
    "InSegment",
    "Item",
    "ItemFacts",
    "ItemList",
    "JourneyBeside",
    "JourneyPrices",
    "JourneyRules",
    "JourneyTiming",
    "ListRules",
    "Objective",
    "Order",
    "Promise",
    "Purchase",
    "Reach",
    "Relevance",
    "Reserve",
    "Retrieval",
    "Said",
    "Touch",
    "Transaction",
    "effect_score",
    "ranking_request",
]
