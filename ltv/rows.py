"""RFM tables checked and reduced to unique weighted rows, in the shape that the likelihoods read."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.errors import InvalidInput, Violation

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_VIOLATIONS = 20  # a wrong unit spoils every row; the first few say it


class PurchaseRows(NamedTuple):
    """Unique histories (x, t_x, T) with the number of customers that share each.

    The BG/NBD likelihood is a sum over distinct x, a sum over distinct T and one term per unique row with x > 0; the
    arrays are laid out so that logarithms are taken once per distinct time. A named tuple, as numba takes it whole.
    Times are in days unless `in_units` divided them.
    """

    customers: float
    repeat_buyers: float
    unique_rows: int
    frequency: IntArray  # (X,) distinct x, ascending
    frequency_weight: FloatArray  # (X,) customers with that x
    time: FloatArray  # (D,) distinct recencies and ages, ascending
    age_weight: FloatArray  # (D,) customers whose age is that time
    age_purchases: FloatArray  # (D,) sum of their x
    row_start: (
        IntArray  # (X + 1,) unique rows with x > 0 are numbered by x: row_start[i] : row_start[i + 1]; x = 0 none
    )
    row_recency: IntArray  # (R,) index into `time`
    row_age: IntArray  # (R,) index into `time`
    row_weight: FloatArray  # (R,)

    @property
    def mean_age(self) -> float:
        """Mean of T over customers."""
        return float(self.time @ self.age_weight / self.customers)

    def in_units(self, time_unit: float) -> "PurchaseRows":
        """The same rows with times divided by `time_unit`."""
        return self._replace(time=self.time / time_unit)


class SpendRows(NamedTuple):
    """Unique (x, mean spend) of customers with x > 0 and a positive mean spend, ordered by x.

    The Gamma-Gamma likelihood reads the mean m only through x m, the spend of all repeat purchases together.
    """

    customers: float
    mean_spend: float  # mean of m over customers; 1 without any
    sum_log_mean: float  # sum of log m over customers
    sum_log_spent: float  # sum of log x m over customers
    frequency: FloatArray  # (X,) distinct x, ascending
    frequency_weight: FloatArray  # (X,) customers with that x
    start: IntArray  # (X + 1,) rows of frequency i are start[i] : start[i + 1]
    inverse_spent: FloatArray  # (R,) 1 / (x m)
    weight: FloatArray  # (R,)

    def in_units(self, money_unit: float) -> "SpendRows":
        """The same rows with money divided by `money_unit`."""
        shift = self.customers * np.log(money_unit)
        return self._replace(
            mean_spend=self.mean_spend / money_unit,
            sum_log_mean=self.sum_log_mean - shift,
            sum_log_spent=self.sum_log_spent - shift,
            inverse_spent=self.inverse_spent * money_unit,
        )


def purchase_rows(rfm: pa.Table) -> PurchaseRows:
    """Unique weighted purchase histories of an RFM table.

    Raises:
        InvalidInput: no rows, a missing column, or rows that cannot be; names the first twenty, `rows[i].column`.
    """
    check(rfm)
    (count, age, recency), weight = _unique([_floats(rfm, name) for name in (c.FREQUENCY, c.AGE_DAYS, c.RECENCY_DAYS)])
    frequency = count.astype(np.int64)
    x, x_index = np.unique(frequency, return_inverse=True)
    time, time_index = np.unique(np.concatenate([recency, age]), return_inverse=True)
    recency_index, age_index = time_index[: len(recency)], time_index[len(recency) :]
    repeat = frequency > 0
    return PurchaseRows(
        customers=float(weight.sum()),
        repeat_buyers=float(weight[repeat].sum()),
        unique_rows=len(weight),
        frequency=x,
        frequency_weight=np.bincount(x_index, weight, len(x)).astype(np.float64),
        time=time,
        age_weight=np.bincount(age_index, weight, len(time)).astype(np.float64),
        age_purchases=np.bincount(age_index, weight * frequency, len(time)).astype(np.float64),
        row_start=np.searchsorted(x_index[repeat], np.arange(len(x) + 1)).astype(np.int64),
        row_recency=recency_index[repeat].astype(np.int64),
        row_age=age_index[repeat].astype(np.int64),
        row_weight=weight[repeat],
    )


def spend_rows(rfm: pa.Table) -> SpendRows:
    """Unique weighted spend histories of an RFM table: customers who came back and spent more than nothing doing so.

    Raises:
        InvalidInput: as `purchase_rows`.
    """
    check(rfm)
    counts, means = _floats(rfm, c.FREQUENCY), _floats(rfm, c.REPEAT_SPEND_MEAN)
    usable = (counts > 0) & (means > 0)
    (frequency, mean), weight = _unique([counts[usable], means[usable]])
    x, x_index = np.unique(frequency, return_inverse=True)
    customers = float(weight.sum())
    return SpendRows(
        customers=customers,
        mean_spend=float(mean @ weight / customers) if customers else 1.0,
        sum_log_mean=float(np.log(mean) @ weight),
        sum_log_spent=float(np.log(frequency * mean) @ weight),
        frequency=x,
        frequency_weight=np.bincount(x_index, weight, len(x)).astype(np.float64),
        start=np.searchsorted(x_index, np.arange(len(x) + 1)).astype(np.int64),
        inverse_spent=1.0 / (frequency * mean),
        weight=weight,
    )


def check(rfm: pa.Table) -> None:
    """Refuses an RFM table that cannot be.

    Raises:
        InvalidInput: no rows, a missing column, or impossible rows; names the first twenty, `rows[i].column`.
    """
    needed = (c.FREQUENCY, c.RECENCY_DAYS, c.AGE_DAYS, c.REPEAT_SPEND_MEAN)
    missing = [Violation(f"rows.{name}", "the column is missing") for name in needed if name not in rfm.column_names]
    if missing:
        raise InvalidInput(*missing)
    if rfm.num_rows == 0:
        raise InvalidInput.of("rows", "there is no customer (import transactions with a purchase before the as-of day)")
    frequency, recency, age, spend = (_floats(rfm, name) for name in needed)
    rules: Sequence[tuple[str, npt.NDArray[np.bool_], str]] = (
        (c.FREQUENCY, ~(frequency >= 0) | (frequency != np.floor(frequency)), "must be a count, 0 or more"),
        (c.RECENCY_DAYS, ~((recency >= 0) & np.isfinite(recency)), "must be a number of days, 0 or more"),
        (c.AGE_DAYS, ~((age >= 0) & np.isfinite(age)), "must be a number of days, 0 or more"),
        (c.REPEAT_SPEND_MEAN, ~((spend >= 0) & np.isfinite(spend)), "must be an amount, 0 or more"),
        (c.RECENCY_DAYS, recency > age, "is after the as-of day: greater than age_days (are the dates of one zone?)"),
        (c.RECENCY_DAYS, (frequency == 0) & (recency > 0), "must be 0 without a repeat purchase"),
    )
    found = sorted((int(i), name, problem) for name, wrong, problem in rules for i in np.flatnonzero(wrong))
    if found:
        raise InvalidInput(*(Violation(f"rows[{i}].{name}", problem) for i, name, problem in found[:MAX_VIOLATIONS]))


def _floats(table: pa.Table, name: str) -> FloatArray:
    """A numeric column, nulls as NaN."""
    kind = table[name].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise InvalidInput.of(f"rows.{name}", f"is not numeric but {kind}")
    column = table[name].combine_chunks()
    if column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    # Arrow's own cast and to_numpy would import half of pyarrow and pandas: longer than a whole fit.
    return np.array(np.from_dlpack(column), dtype=np.float64)


def _unique(columns: Sequence[FloatArray]) -> tuple[list[FloatArray], FloatArray]:
    """Distinct rows of the columns, ordered by the first, then the next, and how many rows share each."""
    order = np.lexsort(columns[::-1])
    ordered = [column[order] for column in columns]
    is_new = np.zeros(len(order), dtype=np.bool_)
    is_new[:1] = True
    for column in ordered:
        is_new[1:] |= column[1:] != column[:-1]
    start = np.flatnonzero(is_new)
    return [column[start] for column in ordered], np.diff(np.append(start, len(order))).astype(np.float64)
