"""Forecasts of customers, streaming: Arrow batches of histories in, Arrow batches of the forecast contract out.

Everything is computed by quadrature (docs/decisions/0003-forecast-by-quadrature.md), so a customer's forecast depends
on the model, the history and the seed, never on the batch it came in.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core import quantile_grid as grid
from farview.core.quantile_grid import GridLaw
from farview.core.schemas import FORECAST
from ltv.effects import Factor, groups_of
from ltv.horizons import rising_days
from ltv.kernel_purchases import LARGEST_COUNT, Levels
from ltv.kernel_rows import (
    DONE,
    LONGER_TABLES,
    MORE_ROOM,
    READY,
    Asked,
    ExpectedLaws,
    Known,
    PurchaseLaws,
    Rows,
    ValueLaws,
    expected_rows,
    purchase_rows,
    value_rows,
)
from ltv.large_counts import forecast_large
from ltv.model import LtvModel
from ltv.tables import Tables
from ltv.totals import Totals

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CHUNK_ROWS = 4096  # customers held at once
SURVIVAL_ROOM = 1_000_000  # probabilities of counts held at once; rows beyond wait for the next round
EPOCH = date(1970, 1, 1)


_Measures = dict[str, FloatArray | pa.Array]


@dataclass(frozen=True, slots=True)
class _Laws:
    """What the kernels say of distinct histories."""

    purchases: PurchaseLaws
    value: ValueLaws
    expected: ExpectedLaws


class Scorer:
    """Forecasts customers with one model; one thread at a time."""

    def __init__(
        self, model: LtvModel, horizons_days: Sequence[int], as_of: date, seed: int, tables: Tables | None = None
    ) -> None:
        """A scorer of one run.

        Args:
            model: of a family that `Tables` knows.
            horizons_days: rising.
            as_of: the day at whose end the histories stop.
            seed: of the lattice rule and of the totals' noise.
            tables: of this model and seed, to be shared by many scorers; made here without.

        Raises:
            InvalidInput: another model, or horizons that are not whole, positive and rising.
        """
        self._horizons_days = rising_days(horizons_days)
        days = self._horizons_days.astype(np.float64)
        self._asked = Asked(days, Levels(np.array(grid.LEVELS), np.array(c.QUANTILE_LEVELS)))
        self._today = (as_of - EPOCH).days
        self._seed = seed
        self._tables = tables or Tables(model, seed)
        self.partial_totals = Totals(self._horizons_days.tolist(), self._tables.draws)

    def forecast(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of schemas.RFM to rows of schemas.FORECAST: customers in the order given, horizons rising within each.

        Raises:
            InvalidInput: a history that cannot be, named by its row within the batch; or purchases merged by other
                periods than the model's.
        """
        for batch in batches:
            if batch.num_rows:
                self._tables.check(pa.Table.from_batches([batch]))
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                rows = batch.slice(start, CHUNK_ROWS)
                yield self._by_group(rows, self._tables.factors) if self._tables.factors else self._chunk(rows)

    def totals(self) -> pa.Table:
        """Joint draws (schemas.TOTALS) over all customers forecast so far."""
        return self.partial_totals.table(self._seed, self._tables.period_sd)

    def _by_group(self, batch: pa.RecordBatch, factors: Sequence[Factor]) -> pa.RecordBatch:
        """Customers of each group by its own parameters, in the order given; totals are shared."""
        groups, of_row = groups_of(batch, factors)
        parts, order = [], []
        for g, group in enumerate(groups):
            member, where = copy(self), np.flatnonzero(of_row == g)  # it adds to the same totals
            member._tables = self._tables.of_group(group)
            parts.append(member._chunk(batch.take(pa.array(where))))
            order.append(where)
        H = len(self._horizons_days)
        place = np.argsort(np.concatenate(order))
        rows = (place[:, None] * H + np.arange(H)).reshape(-1)
        whole = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
        return whole.take(pa.array(rows))

    def _chunk(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows, of_customer = self._distinct(batch)
        laws = self._run(rows)
        measures = _measures(laws)
        means = (measures[name].reshape(len(rows.group), -1) for name in ("purchases_mean", "value_mean"))
        self.partial_totals.add_means(rows.group, rows.copies, *means)
        return self._assemble(batch, of_customer, measures, laws.purchases)

    def _distinct(self, batch: pa.RecordBatch) -> tuple[Rows, IntArray]:
        """Distinct histories of a batch, and which of them each customer has."""
        cohort = batch.column(c.COHORT).dictionary_encode()
        numbers = self.partial_totals.groups(cohort.dictionary.to_pylist())
        keys: list[FloatArray] = [
            _floats(batch, name) for name in (c.FREQUENCY, c.RECENCY_DAYS, c.AGE_DAYS, c.REPEAT_SPEND_MEAN)
        ]
        keys[3] = np.where(keys[0] > 0, keys[0] * keys[3], 0.0)
        reads_first = self._tables.reads_first_purchase
        first = _floats(batch, c.FIRST_SPEND) if reads_first else np.zeros(len(keys[0]))
        keys.append(first)
        keys.append(numbers[np.from_dlpack(cohort.indices)].astype(np.float64))
        order = np.lexsort(keys)
        is_new = np.ones(len(order), dtype=np.bool_)
        is_new[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
        of_customer = np.empty(len(order), dtype=np.int64)
        of_customer[order] = np.cumsum(is_new) - 1
        firsts = order[is_new]
        x = keys[0][firsts].astype(np.int64)
        copies = np.diff(np.append(np.flatnonzero(is_new), len(order))).astype(np.float64)
        group = keys[5][firsts].astype(np.int64)
        return Rows(x, keys[1][firsts], keys[2][firsts], keys[3][firsts], keys[4][firsts], group, copies), of_customer

    def _run(self, rows: Rows) -> _Laws:
        """The kernels over all rows, tables extended when they ask, then what they leave to `ltv.large_counts`."""
        laws = _empty(len(rows.frequency), len(self._horizons_days), self._tables.draws, self.partial_totals.sums)
        done, why = 0, MORE_ROOM
        while why != DONE:
            draws, nodes = self._tables.whole_numbers()
            done, why = purchase_rows(rows, draws, self._asked, laws.purchases, done)
            value_rows(rows, nodes, laws.purchases, self._asked.levels, laws.value)
            if why == LONGER_TABLES:
                self._tables.reach(max(2 * self._tables.counts, int(rows.frequency[done]) + 2))
        for i in np.flatnonzero(np.any(laws.purchases.status != READY, axis=1)):
            forecast_large(int(i), rows, self._tables, self._asked, (laws.purchases, laws.value))
        points, levels, slot = self._tables.points(rows.frequency, rows.age, rows.first)
        known = Known(slot, laws.purchases.alive, laws.purchases.spend, nodes, points, levels)
        expected_rows(rows, known, self._asked, laws.expected)
        return laws

    def _assemble(
        self, batch: pa.RecordBatch, of_customer: IntArray, measures: _Measures, laws: PurchaseLaws
    ) -> pa.RecordBatch:
        """Forecast columns of distinct histories, (rows x H), handed to the customers that have them."""
        H = len(self._horizons_days)
        customer = pa.array(np.repeat(np.arange(batch.num_rows), H))
        row = (of_customer[:, None] * H + np.arange(H)).reshape(-1)
        wait = np.clip(np.ceil(laws.median_wait), 1.0, self._asked.horizons[-1]).astype(np.int32)
        columns: dict[str, pa.Array] = {
            c.CUSTOMER_ID: batch.column(c.CUSTOMER_ID).take(customer),
            c.COHORT: batch.column(c.COHORT).take(customer),
            c.FIRST_PURCHASE_DATE: batch.column(c.FIRST_PURCHASE_DATE).take(customer),
            c.HORIZON_DAYS: pa.array(np.tile(self._horizons_days, batch.num_rows)),
            c.P_ALIVE: pa.array(np.repeat(laws.alive.mean(axis=1)[of_customer], H)),
            c.MEDIAN_NEXT_PURCHASE_DATE: pa.array(np.repeat(self._today + wait[of_customer], H)).cast(pa.date32()),
        }
        for name, column in measures.items():
            columns[name] = column.take(pa.array(row)) if isinstance(column, pa.Array) else pa.array(column[row])
        return pa.RecordBatch.from_arrays([columns[field.name] for field in FORECAST], schema=FORECAST)


def _floats(batch: pa.RecordBatch, name: str) -> FloatArray:
    return np.asarray(np.from_dlpack(batch.column(name).cast(pa.float64())), dtype=np.float64)


def _empty(rows: int, H: int, draws: int, totals: FloatArray) -> _Laws:
    points, levels = len(grid.LEVELS), len(c.QUANTILE_LEVELS)
    purchases = PurchaseLaws(
        status=np.zeros((rows, H), dtype=np.int64),
        alive=np.empty((rows, draws)),
        median_wait=np.empty(rows),
        at_least=np.empty(max(SURVIVAL_ROOM, (LARGEST_COUNT + 2) * H)),
        start=np.zeros((rows, H), dtype=np.int64),
        length=np.zeros((rows, H), dtype=np.int64),
        some=np.empty((rows, H)),
        moments=np.empty((rows, H, 2)),
        spend=np.empty((rows, 3)),
        points=np.zeros((rows, H, points)),
        columns=np.zeros((rows, H, levels)),
        totals=totals,
    )
    value = ValueLaws(np.zeros((rows, H, points)), np.zeros((rows, H, levels)))
    return _Laws(purchases, value, ExpectedLaws(np.empty((rows, H)), np.empty((rows, H, levels))))


def _measures(laws: _Laws) -> _Measures:
    """Forecast columns of distinct histories, each (rows x H,)."""
    # Both grow with the horizon; two methods of integration may differ in the sixth digit where they have levelled out.
    some = np.maximum.accumulate(laws.purchases.some, axis=1).reshape(-1)
    moments = np.maximum.accumulate(laws.purchases.moments, axis=1)
    level, linear, quadratic = np.repeat(laws.purchases.spend, laws.purchases.some.shape[1], axis=0).T
    purchases, squared = moments.reshape(-1, 2).T
    value = purchases * level
    given_some = np.where(some > 0, purchases / np.where(some > 0, some, 1.0), 1.0)
    value_points = laws.value.points.reshape(len(some), -1)
    # Without a second moment of 1 / nu the law has no variance: the grid's own is reported.
    exists = np.isfinite(quadratic)
    moment = purchases * np.where(exists, linear, 0.0) + squared * np.where(exists, quadratic, 0.0)
    value_sd = np.sqrt(np.maximum(moment - value * value, 0.0))
    value_sd[~exists] = grid.sd(GridLaw(1.0 - some[~exists], value_points[~exists], counts=False))
    measures: _Measures = {
        "purchases_p_zero": 1.0 - some,
        "purchases_mean": purchases,
        "purchases_sd": np.sqrt(np.maximum(squared - purchases * purchases, 0.0)),
        "purchases_grid": grid.encode(laws.purchases.points.reshape(len(some), -1), given_some),
        "value_p_zero": 1.0 - some,
        "value_mean": value,
        "value_sd": value_sd,
        "value_grid": grid.encode(value_points, given_some * level),
        "expected_value_mean": value,
        "expected_value_sd": laws.expected.variation.reshape(-1) * value,
    }
    for measure, columns in (
        (c.PURCHASES, laws.purchases.columns),
        (c.VALUE, laws.value.columns),
        (c.EXPECTED_VALUE, laws.expected.columns),
    ):
        for k, suffix in enumerate(c.QUANTILE_SUFFIXES):
            measures[f"{measure}_{suffix}"] = np.ascontiguousarray(columns[:, :, k]).reshape(-1)
    return measures
