"""Expected revenue of showing an item: purchase probability times a function of its price, p x g(price)."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from farview.core.errors import InvalidInput
from ranking.floors import BoolArray
from ranking.scores import FloatArray
from ranking.terms import Terms, ascending_ranks


class PriceFunction(StrEnum):
    """g in p x g(price)."""

    IDENTITY = "identity"
    LN = "ln"  # keeps high prices from drowning the probability


@dataclass(frozen=True, slots=True)
class ExpectedRevenue:
    """What to expect of each item."""

    probability: FloatArray  # (items,) of a purchase when shown, in [0, 1]
    price: FloatArray  # (items,) reporting currency, at least 0; at least 1 under LN
    price_function: PriceFunction = PriceFunction.IDENTITY


def expected_revenue_terms(revenue: ExpectedRevenue, items: int) -> Terms:
    """Probability and g(price).

    Raises:
        InvalidInput: `items[i].probability` or `items[i].price` is wrong.
    """
    probability, price = revenue.probability, revenue.price
    for name, values in (("probability", probability), ("price", price)):
        if len(values) != items:
            raise InvalidInput.of(name, f"{len(values)} values for {items} items (send one each)")
    _refuse("probability", probability, ~((probability >= 0) & (probability <= 1)), "is not in [0, 1]")
    _refuse("price", price, ~((price >= 0) & (price < np.inf)), "is not a price (send 0 or more)")
    worth = price
    if revenue.price_function is PriceFunction.LN:
        _refuse("price", price, price < 1, "has a negative logarithm, which turns the order round (use identity)")
        worth = np.log(price)
    values = np.array([probability, price], dtype=np.float64)
    return Terms(("probability", "price"), values, ascending_ranks(values), np.array([probability, worth]))


def downstream_value(probability: FloatArray, price: FloatArray, going_on: float) -> FloatArray:
    """What to expect in the end of showing an item: its price when it is bought, else what the journey still brings.

    One step of Bellman's equation, p x price + (1 - p) x value of the state that follows: an item sold now ends the
    journey, so a cheap one that sells often may be worth less than one that leaves a dear conversion open.

    Args:
        probability: of a purchase when shown, shape (items,).
        price: reporting currency, shape (items,).
        going_on: expected final conversion of the customer's journey times its value, reporting currency.
    """
    return probability * price + (1 - probability) * going_on


def _refuse(field: str, values: FloatArray, wrong: BoolArray, problem: str) -> None:
    if wrong.any():
        item = int(np.argmax(wrong))
        raise InvalidInput.of(f"items[{item}].{field}", f"{values[item]:g} {problem}")
