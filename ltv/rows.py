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

    These likelihoods are a sum over distinct x, a sum over distinct T and one term per unique row (in the BG/NBD: with
    x > 0); the arrays are laid out so that logarithms are taken once per distinct time. A named tuple, as numba takes
    it whole. Times are in days unless `in_units` divided them.
    """

    customers: float
    repeat_buyers: float
    unique_rows: int
    frequency: IntArray  # (X,) distinct x, ascending
    frequency_weight: FloatArray  # (X,) customers with that x
    time: FloatArray  # (D,) distinct recencies and ages, ascending
    age_weight: FloatArray  # (D,) customers whose age is that time
    age_purchases: FloatArray  # (D,) sum of their x
    row_start: IntArray  # (X + 1,) unique rows are numbered by x: row_start[i] : row_start[i + 1]
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


class FirstSpendRows(NamedTuple):
    """Unique (x, x m, y) of customers who paid something: y for the first purchase, m on average for x repeat ones.

    Ordered in groups of one x and of whether y is more than 0. Who came back and paid nothing counts as x = 0.
    """

    customers: float
    mean_spend: float  # mean of m over customers who have one, else of y; 1 without any
    sum_log_mean: float  # sum of log m over customers with x > 0
    sum_log_first: float  # sum of log y over customers with y > 0
    repeat_logs: float  # sum of x log x m over customers with x > 0
    frequency: FloatArray  # (X,) x of each group
    seen: FloatArray  # (X,) 1 where y > 0, else 0
    group_weight: FloatArray  # (X,) customers in it
    start: IntArray  # (X + 1,) rows of group i are start[i] : start[i + 1]
    spent: FloatArray  # (R,) x m
    first: FloatArray  # (R,) y
    weight: FloatArray  # (R,)

    def in_units(self, money_unit: float) -> "FirstSpendRows":
        """The same rows with money divided by `money_unit`."""
        log_unit = np.log(money_unit)
        repeat = self.frequency > 0
        return self._replace(
            mean_spend=self.mean_spend / money_unit,
            sum_log_mean=self.sum_log_mean - log_unit * float(self.group_weight[repeat].sum()),
            sum_log_first=self.sum_log_first - log_unit * float(self.seen @ self.group_weight),
            repeat_logs=self.repeat_logs - log_unit * float(self.frequency @ self.group_weight),
            spent=self.spent / money_unit,
            first=self.first / money_unit,
        )


def purchase_rows(rfm: pa.Table) -> PurchaseRows:
    """Unique weighted purchase histories of an RFM table.

    Raises:
        InvalidInput: no rows, a missing column, or rows that cannot be; names the first twenty, `rows[i].column`.
    """
    check(rfm)
    (count, age, recency), weight = unique([floats(rfm, name) for name in (c.FREQUENCY, c.AGE_DAYS, c.RECENCY_DAYS)])
    frequency = count.astype(np.int64)
    x, x_index = np.unique(frequency, return_inverse=True)
    time, time_index = np.unique(np.concatenate([recency, age]), return_inverse=True)
    recency_index, age_index = time_index[: len(recency)], time_index[len(recency) :]
    return PurchaseRows(
        customers=float(weight.sum()),
        repeat_buyers=float(weight[frequency > 0].sum()),
        unique_rows=len(weight),
        frequency=x,
        frequency_weight=np.bincount(x_index, weight, len(x)).astype(np.float64),
        time=time,
        age_weight=np.bincount(age_index, weight, len(time)).astype(np.float64),
        age_purchases=np.bincount(age_index, weight * frequency, len(time)).astype(np.float64),
        row_start=np.searchsorted(x_index, np.arange(len(x) + 1)).astype(np.int64),
        row_recency=recency_index.astype(np.int64),
        row_age=age_index.astype(np.int64),
        row_weight=weight,
    )


def spend_rows(rfm: pa.Table) -> SpendRows:
    """Unique weighted spend histories of an RFM table: customers who came back and spent more than nothing doing so.

    Raises:
        InvalidInput: as `purchase_rows`.
    """
    check(rfm)
    counts, means = floats(rfm, c.FREQUENCY), floats(rfm, c.REPEAT_SPEND_MEAN)
    usable = (counts > 0) & (means > 0)
    (frequency, mean), weight = unique([counts[usable], means[usable]])
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


def first_spend_rows(rfm: pa.Table) -> FirstSpendRows:
    """Unique weighted spend histories of an RFM table, first purchases included.

    Raises:
        InvalidInput: as `purchase_rows`; also where `first_spend` is missing or not an amount.
    """
    check(rfm)
    if c.FIRST_SPEND not in rfm.column_names:
        raise InvalidInput.of(f"rows.{c.FIRST_SPEND}", "the column is missing")
    counts, means, firsts = (floats(rfm, name) for name in (c.FREQUENCY, c.REPEAT_SPEND_MEAN, c.FIRST_SPEND))
    counts = np.where(means > 0, counts, 0.0)
    usable = (counts > 0) | (firsts > 0)
    columns = [counts[usable], (firsts[usable] > 0).astype(np.float64), (counts * means)[usable], firsts[usable]]
    (frequency, seen, spent, first), weight = unique(columns)
    repeat = frequency > 0
    mean = spent[repeat] / frequency[repeat]
    (x, of_group), _ = unique([frequency, seen])
    group = np.searchsorted(2 * x + of_group, 2 * frequency + seen)
    return FirstSpendRows(
        customers=float(weight.sum()),
        mean_spend=_mean(mean, weight[repeat]) or _mean(first, weight) or 1.0,
        sum_log_mean=float(np.log(mean) @ weight[repeat]),
        sum_log_first=float(np.log(first[seen > 0]) @ weight[seen > 0]),
        repeat_logs=float(np.log(spent[repeat]) @ (weight * frequency)[repeat]),
        frequency=x,
        seen=of_group,
        group_weight=np.bincount(group, weight, len(x)).astype(np.float64),
        start=np.searchsorted(group, np.arange(len(x) + 1)).astype(np.int64),
        spent=spent,
        first=first,
        weight=weight,
    )


def _mean(values: FloatArray, weight: FloatArray) -> float:
    """Weighted mean; 0 of nothing."""
    return float(values @ weight / weight.sum()) if len(values) else 0.0


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
    frequency, recency, age, spend = (floats(rfm, name) for name in needed)
    firsts = [floats(rfm, c.FIRST_SPEND)] if c.FIRST_SPEND in rfm.column_names else []
    rules: Sequence[tuple[str, npt.NDArray[np.bool_], str]] = (
        (c.FREQUENCY, ~(frequency >= 0) | (frequency != np.floor(frequency)), "must be a count, 0 or more"),
        (c.RECENCY_DAYS, ~((recency >= 0) & np.isfinite(recency)), "must be a number of days, 0 or more"),
        (c.AGE_DAYS, ~((age >= 0) & np.isfinite(age)), "must be a number of days, 0 or more"),
        (c.REPEAT_SPEND_MEAN, ~((spend >= 0) & np.isfinite(spend)), "must be an amount, 0 or more"),
        *((c.FIRST_SPEND, ~((first >= 0) & np.isfinite(first)), "must be an amount, 0 or more") for first in firsts),
        (c.RECENCY_DAYS, recency > age, "is after the as-of day: greater than age_days (are the dates of one zone?)"),
        (c.RECENCY_DAYS, (frequency == 0) & (recency > 0), "must be 0 without a repeat purchase"),
    )
    found = sorted((int(i), name, problem) for name, wrong, problem in rules for i in np.flatnonzero(wrong))
    if found:
        raise InvalidInput(*(Violation(f"rows[{i}].{name}", problem) for i, name, problem in found[:MAX_VIOLATIONS]))


def floats(table: pa.Table, name: str) -> FloatArray:
    """A numeric column, nulls as NaN."""
    kind = table[name].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise InvalidInput.of(f"rows.{name}", f"is not numeric but {kind}")
    column = table[name].combine_chunks()
    if column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    # Arrow's own cast and to_numpy would import half of pyarrow and pandas: longer than a whole fit.
    return np.array(np.from_dlpack(column), dtype=np.float64)


def unique(columns: Sequence[FloatArray]) -> tuple[list[FloatArray], FloatArray]:
    """Distinct rows of the columns, ordered by the first, then the next, and how many rows share each."""
    order = np.lexsort(columns[::-1])
    ordered = [column[order] for column in columns]
    is_new = np.zeros(len(order), dtype=np.bool_)
    is_new[:1] = True
    for column in ordered:
        is_new[1:] |= column[1:] != column[:-1]
    start = np.flatnonzero(is_new)
    return [column[start] for column in ordered], np.diff(np.append(start, len(order))).astype(np.float64)
