"""Answers about the simulated business as tables a marketer reads."""

from collections.abc import Sequence

from rich.console import Group

from cli.console import amount, table
from cli.demo.journey_truth import Chosen, Judged
from farview.client import Item
from farview.v1.items_pb2 import RankItemsResponse
from farview.v1.journey_pb2 import JourneyPlan


def ranking(answer: RankItemsResponse, items: Sequence[Item], customer_id: str, currency: str) -> Group:
    """Items in the order to show them, and what each objective did."""
    known = {item.item_id: item.values for item in items}
    rows = []
    for item in answer.items:
        without = {part.name: part.place_without for part in item.explanation.parts}
        values = known[item.item_id]
        rows.append(
            [
                f"{item.place}",
                item.item_id,
                amount(values["price"]),
                amount(values["margin"]),
                f"{values['popularity']:.2%}",
                f"{without['margin']}",
                f"{without['popularity']}",
            ]
        )
    return table(
        f"What to show {customer_id}: popular items, by popularity (counts twice) and margin",
        [
            "place",
            "item",
            f"price, {currency}",
            f"margin, {currency}",
            "popularity",
            "by popularity",
            "by margin",
        ],
        rows,
        left=2,
        caption="The last two columns are the places by popularity alone and by margin alone.",
    )


def journey(plan: JourneyPlan, chosen: Chosen) -> Group:
    """The plan's step table."""
    rows = [
        [
            f"{touch.position}",
            f"{touch.time.ToDatetime():%a %d %b}",
            touch.channel,
            f"{touch.reached_probability:.0%}",
            f"{touch.hazard:.1%}",
            amount(touch.cost),
        ]
        for touch in plan.touches
    ]
    denied = f"Not {', '.join(plan.denied_channels)}: no consent. " if plan.denied_channels else ""
    who = f"place {chosen.place}, segment {chosen.attributes['segment']}, {len(chosen.channels)} touches so far"
    currency = plan.currency_code
    return table(
        f"How to reach {plan.customer_id} ({who})",
        ["touch", "day", "channel", "is sent", "then converts", f"cost, {currency}"],
        rows,
        left=3,
        caption=f"{denied}Converts with {plan.conversion_probability:.1%} "
        f"({plan.conversion_probability_q05:.1%} - {plan.conversion_probability_q95:.1%}), without any touch "
        f"{plan.probability_without_touches:.1%}.\nWorth {amount(plan.expected_value)} {currency} after "
        f"{amount(plan.expected_cost)} {currency} of cost, where a conversion brings "
        f"{amount(chosen.margin)} {currency}.",
    )


def judged(plan: JourneyPlan, truth: Judged) -> Group:
    """The plan before the truth."""
    rows = [
        ["this plan, by the model", f"{plan.conversion_probability:.1%}"],
        ["this plan, in truth", f"{truth.plan:.1%}"],
        ["the best plan there is, in truth", f"{truth.best:.1%}"],
        ["as many touches chosen as before, in truth", f"{truth.as_before:.1%}"],
    ]
    return table(
        "The plan beside the truth, which only a simulation knows",
        ["", "converts"],
        rows,
        caption=f"The best plan: {', '.join(truth.best_channels)}.",
    )
