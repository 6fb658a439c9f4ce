"""The boosted model's inputs in plain words."""

from collections.abc import Mapping

import numpy as np

from farview.core import columns as c
from ltv.boost_inputs import Units

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_WORDS: Mapping[str, str] = {
    "anchor_purchases_log": "the purchase process expects {exp:.2f} purchases within {days} days",
    "anchor_spend_log": "the spend model expects {money:,.2f} a purchase",
    "anchor_p_alive": "the purchase process takes the customer to be active with {percent:.0f} %",
    c.FREQUENCY: "came back {value:.0f} times",
    "recency_over_age": "the last purchase came after {percent:.0f} % of the time known",
    "since_last_over_age": "silent for the last {percent:.0f} % of the time known",
    "age_over_reference": "known for {age:,.0f} days",
    "since_last_over_interval_mean": "silent for {value:.1f} times the usual gap",
    "interval_variation": "gaps between purchases vary by {percent:.0f} %",
    "interval_last_over_mean": "the last gap was {value:.1f} times the usual one",
    "purchases_28d": "{value:.0f} purchases in the last 28 days",
    "purchases_56d": "{value:.0f} purchases in the last 56 days",
    "purchases_91d": "{value:.0f} purchases in the last 91 days",
    "purchases_364d": "{value:.0f} purchases in the last 364 days",
    "purchases_momentum_91d": "{value:+.0f} purchases in the last 91 days against the 91 before",
    "spend_log": "has spent {amount:,.2f} in all",
    "amount_first_log": "spent {amount:,.2f} on the first day",
    "amount_last_log": "spent {amount:,.2f} on the last day",
    "amount_biggest_log": "spent {amount:,.2f} on the best day",
    "amount_median_log": "spends {amount:,.2f} on a usual day",
    "spend_91d_log": "spent {amount:,.2f} in the last 91 days",
    "returned_share": "sent back {percent:.0f} % of what was bought",
    "return_days": "sent something back on {value:.0f} days",
    "first_weekday": "first came on a {weekday}",
}

_MISSING: Mapping[str, str] = {
    "since_last_over_interval_mean": "has not come back yet, so there is no usual gap",
    "interval_variation": "has come back less than twice, so gaps cannot be compared",
    "interval_last_over_mean": "has not come back yet, so there is no last gap",
    "purchases_momentum_91d": "first came within the last 91 days",
    "returned_share": "has paid nothing that could be sent back",
}


def in_words(name: str, value: float, units: Units) -> str:
    """One input of one customer, as a person would say it.

    Args:
        name: one of `boost_inputs.INPUTS`.
        value: as the trees see it; NaN where the feature has no value.
        units: of the model; amounts come out in the reporting currency.
    """
    if np.isnan(value):
        return _MISSING.get(name, f"{name} is not known")
    return _WORDS[name].format(
        value=value,
        percent=100 * value,
        exp=np.exp(min(value, 50.0)),
        money=units.money * np.exp(min(value, 50.0)),
        amount=units.money * np.expm1(min(value, 50.0)),
        days=units.reference_days,
        age=value * units.reference_days,
        weekday=_WEEKDAYS[int(value) - 1] if 1 <= value <= 7 else "day",
    )
