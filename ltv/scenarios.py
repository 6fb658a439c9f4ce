"""What would change if customers left, bought or spent differently from tomorrow on: totals before and after, paired.

Every parameter draw is asked twice, as things are and as they would be, so the change is not blurred by what both
share. Only the future is scaled: who is still a customer, and what each has shown of rate and spend, stays as seen.
What the period to come shares for everybody (`ltv.period`) multiplies both.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.errors import InvalidInput, Violation
from farview.core.filters.masks import mask
from farview.core.filters.tree import Filter
from ltv.expected_flow import flows_of
from ltv.model import BtydModel
from ltv.period import sharing_a_period
from ltv.same_histories import blocks
from ltv.spend_level import SpendLevel

FloatArray = npt.NDArray[np.float64]

DRAWS = 128  # of the model's, evenly taken
INTERVAL = (0.05, 0.95)
LARGEST_FACTOR = 1_000
LARGEST_ELASTICITY = 20
MEASURES = (c.PURCHASES, c.VALUE)


@dataclass(frozen=True, slots=True)
class Change:
    """What is scaled from tomorrow on; 1 leaves it as it is."""

    churn: float = 1.0  # times the chance to leave (at a purchase or opportunity), at most 1, or the speed of leaving
    purchase_rate: float = 1.0  # times the purchases while a customer; BG/BB: the chance of one, at most 1
    spend: float = 1.0  # times the amount of a purchase
    price: float = 1.0  # times the amount, and the rate by price^elasticity
    elasticity: float = 0.0  # of purchases with respect to price; -1.5: 1 % dearer, 1.5 % fewer

    def __post_init__(self) -> None:
        wrong = [
            Violation(field.name, f"must be a number from 0 to {LARGEST_FACTOR:,}; got {value:g}")
            for field in fields(self)
            if field.name != "elasticity" and not 0 <= (value := getattr(self, field.name)) <= LARGEST_FACTOR
        ]
        if not abs(self.elasticity) <= LARGEST_ELASTICITY:
            wrong.append(
                Violation("elasticity", f"must be a number from {-LARGEST_ELASTICITY} to {LARGEST_ELASTICITY}")
            )
        if self.price == 0:
            wrong.append(Violation("price", "must be above 0 (scale purchases or spend instead)"))
        if wrong:
            raise InvalidInput(*wrong)

    @property
    def rate(self) -> float:
        """Times the purchases while a customer, price included."""
        return self.purchase_rate * self.price**self.elasticity

    @property
    def amount(self) -> float:
        """Times the amount of a purchase, price included."""
        return self.spend * self.price


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """Expected totals of all customers, draw by draw: purchases, then value; each shape (2, draws)."""

    before: FloatArray
    after: FloatArray


def effect(
    model: BtydModel,
    rfm: pa.Table,
    change: Change,
    chosen: npt.NDArray[np.bool_],
    horizon_days: int,
    seed: int = 0,
) -> Effect:
    """What a change for some customers does to the totals of all.

    Args:
        model: of a family that `expected_flow` knows.
        rfm: all customers, as the model reads them.
        change: from the as-of day on.
        chosen: whom it concerns, shape (customers,).
        horizon_days: days after the as-of day, 1 or more.
        seed: of what the period shares.

    Returns:
        Draws carry what is unknown about the model's parameters and the period, not the luck of single purchases.

    Raises:
        FailedPrecondition: a model of another family.
        InvalidInput: impossible rows, an empty horizon, or `chosen` of another length.
    """
    if horizon_days < 1:
        raise InvalidInput.of("horizon_days", f"must be 1 or more; got {horizon_days}")
    model.check(rfm)
    if chosen.shape != (rfm.num_rows,):
        raise InvalidInput.of("chosen", f"needs one entry for each of {rfm.num_rows:,} customers")
    which = evenly(len(model.purchase_draws), DRAWS)
    (flows, of_row), spend = flows_of(model, rfm, which), SpendLevel(model, which)
    sums = np.zeros((2, 2, len(which)))  # before and after, purchases and value
    mean, first = (rfm.column(name).to_numpy() for name in (c.REPEAT_SPEND_MEAN, c.FIRST_SPEND))
    for block in blocks(rfm, 2 * of_row + chosen):
        level = spend.of(block.spread(block.x[None])[0], mean[block.customers], first[block.customers])
        flow, changed = flows[block.group // 2], block.group % 2
        alive, bought = flow.alive(block.x, block.recency, block.age), flow.living(block.x, block.age)
        before = after = alive * bought(horizon_days)
        amount = 1.0
        if changed:
            after, amount = alive * bought(horizon_days, change.rate, change.churn), change.amount
        worth = block.summed(level)
        sums[0] += before @ block.copies, (before * worth).sum(axis=1)
        sums[1] += after @ block.copies, (after * worth).sum(axis=1) * amount
    return Effect(*sharing_a_period(sums, model.period_sd, seed))


def evenly(draws: int, most: int) -> npt.NDArray[np.int64]:
    """Places of at most so many of the draws, evenly taken."""
    return np.linspace(0, draws - 1, min(most, draws)).round().astype(np.int64)


def summary(draws: FloatArray) -> dict[str, float]:
    """Mean and 90 % interval of a total, by name."""
    low, high = np.quantile(draws, INTERVAL)
    return {"mean": float(draws.mean()), "q05": float(low), "q95": float(high)}


def concerned(rfm: pa.Table, segment: Filter | None) -> npt.NDArray[np.bool_]:
    """Which customers a filter over `schemas.RFM` selects, shape (customers,); without one all."""
    if segment is None:
        return np.ones(rfm.num_rows, dtype=np.bool_)
    return mask(segment, {name: rfm.column(name).to_numpy() for name in rfm.column_names}, rfm.num_rows)
