"""What customers are worth: discounted gross revenue, and what returns, margin and contacts make of it.

With E(t) the expected purchases within t days of a customer alive today (`expected_flow`) and delta the rate by which a
day's money is worth less, purchases within h count

    D(h) = int_0^h e^(-delta t) dE(t) = e^(-delta h) E(h) + delta int_0^h e^(-delta t) E(t) dt,

and those beyond h, which without discount may be infinitely many,

    R(h) = e^(-delta h) int_0^inf e^(-u) (E(h + u / delta) - E(h)) du.

D is additive over intervals, since each adds its own integral. Source of R: discounted expected residual transactions,
Fader, Hardie, Lee (2005), RFM and CLV: Using Iso-Value Curves, Journal of Marketing Research 42(4), for the Pareto/NBD.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.errors import InvalidInput, Violation
from ltv.expected_flow import Bought, flows_of
from ltv.model import BtydModel
from ltv.period import sharing_a_period
from ltv.same_histories import blocks
from ltv.scenarios import evenly
from ltv.spend_level import SpendLevel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DAYS_PER_YEAR = 365.25
DRAWS = 64  # of the model's, evenly taken
PANEL_NODES = 5  # Gauss-Legendre from one horizon to the next, of what is small by delta h
TAIL_NODES = 24  # Gauss-Laguerre beyond the last


@dataclass(frozen=True, slots=True)
class Terms:
    """What turns revenue into net value."""

    discount_rate: float = 0.1  # a year, effective: .1 makes 110 next year worth 100 today
    margin: float = 1.0  # share of the revenue kept that is earned, in (0, 1]
    contact_cost: float = 0.0  # of one contact, in the reporting currency
    contacts_per_year: float = 0.0  # to every customer up to the horizon, whether or not they still buy

    def __post_init__(self) -> None:
        wrong = [
            Violation(field.name, f"must be a number of at least 0; got {value:g}")
            for field in fields(self)
            if not ((value := getattr(self, field.name)) >= 0 and math.isfinite(value))
        ]
        if not wrong and not 0 < self.margin <= 1:
            wrong.append(Violation("margin", f"must be above 0 and at most 1, a share of revenue; got {self.margin:g}"))
        if wrong:
            raise InvalidInput(*wrong)

    @property
    def daily_rate(self) -> float:
        """delta: the continuous rate of a day."""
        return math.log1p(self.discount_rate) / DAYS_PER_YEAR

    def contacts_cost(self, days: float) -> float:
        """Of the contacts to one customer within so many days, discounted."""
        rate = self.daily_rate
        discounted_days = -math.expm1(-rate * days) / rate if rate > 0 else days
        return self.contact_cost * self.contacts_per_year * discounted_days / DAYS_PER_YEAR

    def net(self, gross: FloatArray, kept: float | FloatArray, days: float | None) -> FloatArray:
        """Net value of discounted gross revenue of which a share is kept.

        Args:
            gross: of one customer or of each of some, any shape.
            kept: share that does not come back, broadcasting against it.
            days: within which it comes; None beyond the last horizon, where nobody is contacted.
        """
        return np.asarray(self.margin * kept * gross - (0.0 if days is None else self.contacts_cost(days)))


@dataclass(frozen=True, slots=True, eq=False)
class GrossValue:
    """Discounted gross revenue to come: expected of each customer, and draw by draw of each group together."""

    horizons_days: tuple[int, ...]
    expected: FloatArray  # (customers, H)
    totals: FloatArray  # (groups, H, draws)
    residual: FloatArray | None  # (customers,) beyond the last horizon; None without discount
    residual_totals: FloatArray | None  # (groups, draws)
    beyond_span: FloatArray | None  # (groups, draws) of it, later than the data reach back


def gross_value(
    model: BtydModel,
    rfm: pa.Table,
    terms: Terms,
    horizons_days: Sequence[int],
    group: IntArray | None = None,
    seed: int = 0,
) -> GrossValue:
    """What customers will spend, discounted to the as-of day.

    Totals carry what is unknown about the model's parameters, and the factor that a period shares (`ltv.period`).

    Args:
        model: of a family that `expected_flow` knows.
        rfm: the customers, as the model reads them.
        terms: for the discount.
        horizons_days: rising, 1 or more.
        group: of each customer, 0 to groups - 1, shape (customers,); default one group.
        seed: of what the period shares.

    Raises:
        FailedPrecondition: a family without such a flow.
        InvalidInput: impossible rows, or horizons that do not rise.
    """
    model.check(rfm)
    horizons = np.array(horizons_days, dtype=np.float64)
    if not (len(horizons) and horizons[0] >= 1 and np.all(np.diff(horizons) > 0)):
        raise InvalidInput.of("horizons_days", "needs rising whole numbers of days, each 1 or more")
    which = evenly(len(model.purchase_draws), DRAWS)
    (flows, of_row), spend = flows_of(model, rfm, which), SpendLevel(model, which)
    mean, first = (rfm.column(name).to_numpy() for name in (c.REPEAT_SPEND_MEAN, c.FIRST_SPEND))
    span = max(float(rfm.column(c.AGE_DAYS).to_numpy().max()), horizons[-1])
    group = np.zeros(rfm.num_rows, dtype=np.int64) if group is None else group
    columns = len(horizons) + (2 if terms.daily_rate > 0 else 0)
    expected = np.empty((rfm.num_rows, columns))
    groups = int(group.max()) + 1
    totals = np.zeros((groups, columns, len(which)))
    for block in blocks(rfm, of_row * groups + group):
        process, total = divmod(block.group, groups)
        flow = flows[process]
        level = spend.of(block.spread(block.x[None])[0], mean[block.customers], first[block.customers])
        alive, bought = flow.alive(block.x, block.recency, block.age), flow.living(block.x, block.age)
        worth = block.summed(level)
        for k, purchases in enumerate(_discounted(bought, horizons, terms.daily_rate, span)):
            counted = alive * purchases
            expected[block.customers, k] = (block.spread(counted) * level).mean(axis=0)
            totals[total, k] += (counted * worth).sum(axis=1)
    totals = sharing_a_period(totals, model.period_sd, seed)
    H = len(horizons)
    tails = (expected[:, H], totals[:, H], totals[:, H + 1]) if columns > H else (None, None, None)
    return GrossValue(tuple(int(day) for day in horizons), expected[:, :H], totals[:, :H], *tails)


def _discounted(bought: Bought, horizons: FloatArray, rate: float, span: float) -> list[FloatArray]:
    """D of each horizon, then with a discount R of the last one and of the span; each (draws, histories)."""
    if rate <= 0:
        return [bought(day) for day in horizons]
    points, weights = np.polynomial.legendre.leggauss(PANEL_NODES)
    out, area, start = [], 0.0, 0.0
    for end in horizons:
        for point, weight in zip(points, weights, strict=True):
            day = start + (end - start) * (point + 1) / 2
            area = area + (end - start) / 2 * weight * math.exp(-rate * day) * bought(day)
        out.append(math.exp(-rate * end) * bought(end) + rate * area)
        start = end
    return [*out, _residual(bought, horizons[-1], rate), _residual(bought, span, rate)]


def _residual(bought: Bought, start: float, rate: float) -> FloatArray:
    """R(start), (draws, histories)."""
    points, weights = np.polynomial.laguerre.laggauss(TAIL_NODES)
    later = sum(weight * bought(start + point / rate) for point, weight in zip(points, weights, strict=True))
    return np.asarray(math.exp(-rate * start) * np.maximum(later - bought(start), 0.0))
