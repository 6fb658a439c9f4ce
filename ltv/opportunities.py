"""Histories in whole opportunities to buy, reduced to unique weighted rows: what the BG/BB reads.

An RFM table made with `period_days` has moved every purchase to the end of its period (see `features.rfm`), so that
recency and age are whole periods, and purchases of one period are one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.errors import InvalidInput, Violation
from farview.core.schemas import period_days_of
from ltv.rows import MAX_VIOLATIONS, check, floats, unique

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PERIOD_DAYS = 7  # of an opportunity, unless said
MOST_OPPORTUNITIES = 20_000  # of a customer: fifty years of days


class OpportunityRows(NamedTuple):
    """Unique histories (x, t_x, n) in opportunities, with the number of customers that share each, ordered by x."""

    customers: float
    repeat_buyers: float
    unique_rows: int
    mean_age: float  # mean of n over customers
    unit: float  # beta and delta of the parameters are in units of so many opportunities
    frequency: IntArray  # (X,) distinct x, ascending
    start: IntArray  # (X + 1,) rows of the i-th x are start[i] : start[i + 1]
    recency: IntArray  # (R,) t_x
    age: IntArray  # (R,) n
    weight: FloatArray  # (R,)

    def in_units(self, unit: float) -> "OpportunityRows":
        """The same rows for parameters in units of so many opportunities."""
        return self._replace(unit=self.unit * unit, mean_age=self.mean_age / unit)


def opportunity_rows(rfm: pa.Table) -> OpportunityRows:
    """Unique weighted histories of an RFM table.

    Raises:
        InvalidInput: as `check_opportunities`.
    """
    check_opportunities(rfm)
    days = period_days_of(rfm.schema)
    columns = [floats(rfm, c.FREQUENCY), floats(rfm, c.RECENCY_DAYS) / days, floats(rfm, c.AGE_DAYS) / days]
    distinct, weight = unique(columns)
    frequency, recency, age = (column.astype(np.int64) for column in distinct)
    x, x_index = np.unique(frequency, return_inverse=True)
    return OpportunityRows(
        customers=float(weight.sum()),
        repeat_buyers=float(weight[frequency > 0].sum()),
        unique_rows=len(weight),
        mean_age=float(age @ weight / weight.sum()),
        unit=1.0,
        frequency=x,
        start=np.searchsorted(x_index, np.arange(len(x) + 1)).astype(np.int64),
        recency=recency,
        age=age,
        weight=weight,
    )


def check_opportunities(rfm: pa.Table) -> None:
    """Refuses histories that are not whole opportunities, at most one purchase in each.

    Raises:
        InvalidInput: as `rows.check`; also where days are no whole periods, or purchases are more than the periods up
            to the last one; names the first twenty, `rows[i].column`.
    """
    check(rfm)
    days = period_days_of(rfm.schema)
    x, recency, age = floats(rfm, c.FREQUENCY), floats(rfm, c.RECENCY_DAYS), floats(rfm, c.AGE_DAYS)
    whole = f"must be whole opportunities of {days} days (make the table with period_days)"
    rules = (
        (c.RECENCY_DAYS, recency % days != 0, whole),
        (c.AGE_DAYS, age % days != 0, whole),
        (c.AGE_DAYS, age > MOST_OPPORTUNITIES * days, f"must be at most {MOST_OPPORTUNITIES:,} opportunities"),
        (c.FREQUENCY, (recency % days == 0) & (x * days > recency), "is more than the opportunities up to the last"),
    )
    found = sorted((int(i), name, problem) for name, wrong, problem in rules for i in np.flatnonzero(wrong))
    if found:
        raise InvalidInput(*(Violation(f"rows[{i}].{name}", problem) for i, name, problem in found[:MAX_VIOLATIONS]))
