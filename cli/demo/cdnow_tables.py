"""Answers of the server as tables a marketer reads."""

from collections.abc import Mapping, Sequence

from google.type.date_pb2 import Date
from rich.console import Group

from cli.console import amount, interval, table
from cli.demo.cdnow_outcome import Outcome
from farview.client import CustomerForecast, FarviewClient
from farview.v1.forecast_pb2 import GROUP_KIND_BASE, GroupTotal

KINDS = (
    ("loyal", "", "value_mean desc"),
    ("typical", "p_alive > 0.6 AND p_alive < 0.9 AND purchases_mean > 1", "value_mean"),
    ("slipping away", "p_alive < 0.3 AND purchases_mean > 1", "value_mean desc"),
    ("bought once", "p_alive > 0.999", "value_mean desc"),
)
"""What to call a customer, and how to find the first of the kind."""


def chosen_customers(farview: FarviewClient, horizon_days: int) -> list[tuple[str, CustomerForecast]]:
    """One customer of each kind, as far as there is one."""
    found = []
    for kind, where, order_by in KINDS:
        first = next(farview.list_forecasts(where, order_by=order_by, horizon_days=horizon_days, page_size=1), None)
        if first is not None:
            found.append((kind, first))
    return found


def forecasts(chosen: Sequence[tuple[str, CustomerForecast]], horizon_days: int) -> Group:
    """Several customers at one horizon."""
    rows = []
    for kind, answer in chosen:
        at = answer.at(horizon_days)
        rows.append(
            [
                f"{kind} ({answer.forecast.customer_id})",
                f"{answer.forecast.p_alive:.0%}",
                f"{1 - at.purchases.p_zero:.0%}",
                f"{at.purchases.mean:.1f}",
                interval(at.expected_value.mean, at.expected_value.q10, at.expected_value.q90),
                f"{amount(at.value.q05)} - {amount(at.value.q95)}",
            ]
        )
    return table(
        f"Four customers over the next {horizon_days} days",
        [
            "customer",
            "still active",
            "will buy",
            "purchases",
            "worth, USD (80 % sure)",
            "spends, USD (90 % sure)",
        ],
        rows,
    )


def one_customer(answer: CustomerForecast) -> Group:
    """One customer at every horizon."""
    rows = [
        [
            f"{at.horizon_days}",
            f"{at.purchases.mean:.1f}",
            f"{at.purchases.q05:.0f} - {at.purchases.q95:.0f}",
            interval(at.value.mean, at.value.q05, at.value.q95),
        ]
        for at in answer.forecast.horizons
    ]
    median = answer.forecast.median_next_purchase_date
    return table(
        f"Customer {answer.forecast.customer_id}: first bought {_day(answer.forecast.first_purchase_date)}, "
        f"next purchase around {_day(median)}",
        ["days ahead", "purchases", "90 % sure", "will spend, USD (90 % sure)"],
        rows,
        left=0,
    )


def totals(groups: Sequence[GroupTotal], actual: Mapping[str, Outcome], horizon_days: int) -> Group:
    """Totals of the base and of every cohort beside what really came."""
    rows = []
    for group in groups:
        came = actual[group.group_name]
        name = "everybody" if group.group_kind == GROUP_KIND_BASE else f"first bought {group.group_name}"
        rows.append(
            [
                name,
                f"{group.customer_count:,}",
                interval(group.purchases.mean, group.purchases.q05, group.purchases.q95),
                f"{came.purchase_days:,}",
                interval(group.value.mean, group.value.q05, group.value.q95),
                f"{came.value:,.0f}",
            ]
        )
    return table(
        f"Totals over the next {horizon_days} days (90 % sure), beside what came",
        ["group", "customers", "purchases forecast", "came", "revenue forecast, USD", "came"],
        rows,
        caption="The intervals hold the uncertainty of parameters and of chance, not that of the model's form:\n"
        "here BG/NBD forecasts too low, as published studies found as well. By how much: farview backtest ltv.",
    )


def _day(day: Date) -> str:
    return f"{day.year:04d}-{day.month:02d}-{day.day:02d}"
