"""Forecasts of the combination, streaming: its members' forecasts, pooled into the whole forecast contract."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core import quantile_grid as grid
from farview.core.schemas import FORECAST
from ltv.combination import pooled, segments
from ltv.combination_model import CombinationModel
from ltv.inputs import part_of
from ltv.scorer import CHUNK_ROWS
from ltv.totals import Totals

FloatArray = npt.NDArray[np.float64]


class MemberScorer(Protocol):
    """What pooling needs of a member's scorer."""

    partial_totals: Totals

    def forecast(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of the member's inputs to rows of schemas.FORECAST."""


class CombinationScorer:
    """Forecasts customers with one combination; one thread at a time."""

    def __init__(
        self,
        model: CombinationModel,
        horizons_days: Sequence[int],
        scorers: Sequence[Callable[[], MemberScorer]],
        seed: int,
        *,
        gross: bool = False,
    ) -> None:
        """A scorer of one run.

        Args:
            model: how members are pooled.
            horizons_days: rising.
            scorers: each makes a new scorer of a member, in the model's order.
            seed: of the totals' noise.
            gross: returns are not deducted from value.
        """
        self._model, self._horizons, self._scorers, self._seed = model, tuple(horizons_days), scorers, seed
        self._kept = [1.0 if gross or member.deducts_returns else model.kept for member in model.members]
        draws = max(scorer().partial_totals.sums.shape[3] for scorer in scorers)
        self.partial_totals = Totals(self._horizons, draws)

    def forecast(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `combination_inputs` to rows of schemas.FORECAST: customers in order, horizons rising within each."""
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                yield self._chunk(batch.slice(start, CHUNK_ROWS))

    def totals(self) -> pa.Table:
        """Joint draws (schemas.TOTALS) over all customers forecast so far."""
        return self.partial_totals.table(self._seed, self._model.period_sd)

    def _chunk(self, inputs: pa.RecordBatch) -> pa.RecordBatch:
        customers = part_of(inputs, 0)
        counted, age = (customers.column(name).to_numpy() for name in (c.FREQUENCY, c.AGE_DAYS))
        segment = segments(counted, age, self._model.new_days)
        tables, totals = [], []
        for k, make in enumerate(self._scorers):
            scorer = make()
            forecast = pa.Table.from_batches(scorer.forecast([part_of(inputs, k + 1)])).combine_chunks()
            tables.append(keeping(forecast, self._kept[k]))
            totals.append(scorer.partial_totals)
        weights = np.repeat(self._model.weights.of(segment), len(self._horizons), axis=0)
        out = pooled_forecast(tables, weights, self._model.weights.power)
        means = [out.column(name).to_numpy().reshape(-1, len(self._horizons)) for name in _MEANS]
        share = np.mean(self._model.weights.by_segment, axis=0)
        self.partial_totals.add_pooled(totals, share.tolist(), customers.column(c.COHORT).to_pylist(), means)
        return out


_MEANS = ("purchases_mean", "value_mean")


def keeping(forecast: pa.Table, kept: float) -> pa.Table:
    """The forecast with value multiplied by the share that is kept after returns."""
    if kept == 1.0:
        return forecast
    for index, name in enumerate(FORECAST.names):
        if name.startswith((c.VALUE, c.EXPECTED_VALUE)) and not name.endswith(("_p_zero", "_grid")):
            forecast = forecast.set_column(index, FORECAST.field(index), pc.multiply(forecast.column(name), kept))
    return forecast


def pooled_forecast(tables: Sequence[pa.Table], weights: FloatArray, power: float) -> pa.RecordBatch:
    """The linear pool of forecasts of the same customers and horizons, in all columns of the contract.

    P(alive) becomes null: a pool does not define it.

    Args:
        tables: schemas.FORECAST, a member each.
        weights: (rows, members), each row adds up to 1.
        power: of the laws of value; see `combination.pooled`.
    """
    columns: dict[str, pa.Array] = {c.P_ALIVE: pa.nulls(len(weights), pa.float64())}
    for measure in (c.PURCHASES, c.VALUE):
        columns |= _measure(measure, tables, weights, power)
    columns |= _expected(tables, weights)
    columns[c.MEDIAN_NEXT_PURCHASE_DATE] = _median_date(tables, weights)
    first = tables[0]
    kept = {name: first.column(name).combine_chunks() for name in FORECAST.names if name not in columns}
    return pa.RecordBatch.from_arrays([(columns | kept)[name] for name in FORECAST.names], schema=FORECAST)


def _measure(measure: str, tables: Sequence[pa.Table], weights: FloatArray, power: float) -> dict[str, pa.Array]:
    law = pooled([grid.law_of(table, measure) for table in tables], weights, power)
    mean = _mixed(tables, f"{measure}_mean", weights)
    some = 1.0 - law.p_zero
    given_some = mean / np.where(some > 0, some, 1.0)
    if power == 1.0 or law.counts:
        squared = sum(
            weights[:, k] * (_floats(table, f"{measure}_sd") ** 2 + _floats(table, f"{measure}_mean") ** 2)
            for k, table in enumerate(tables)
        )
        sd = np.sqrt(np.maximum(squared - mean * mean, 0.0))
    else:
        sd = grid.sd(law)
    quantiles = {
        f"{measure}_{suffix}": pa.array(grid.quantile(law, level))
        for suffix, level in zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True)
    }
    return {
        f"{measure}_p_zero": pa.array(law.p_zero),
        f"{measure}_mean": pa.array(mean),
        f"{measure}_sd": pa.array(sd),
        f"{measure}_grid": grid.encode(law.points, given_some),
        **quantiles,
    }


def _expected(tables: Sequence[pa.Table], weights: FloatArray) -> dict[str, pa.Array]:
    """Of the customer's own expected value: the mixture's mean and sd; quantiles are the members', averaged, and moved
    apart until they are as wide as the mixture is."""
    name = c.EXPECTED_VALUE
    mean = _mixed(tables, f"{name}_mean", weights)
    within = _mixed(tables, f"{name}_sd", weights)
    squared = sum(
        weights[:, k] * (_floats(table, f"{name}_sd") ** 2 + _floats(table, f"{name}_mean") ** 2)
        for k, table in enumerate(tables)
    )
    sd = np.sqrt(np.maximum(squared - mean * mean, 0.0))
    wider = np.where(within > 0, sd / np.where(within > 0, within, 1.0), 1.0)
    wider = np.where((weights == 1.0).any(axis=1), 1.0, wider)
    columns = {f"{name}_mean": pa.array(mean), f"{name}_sd": pa.array(sd)}
    for suffix in c.QUANTILE_SUFFIXES:
        level = _mixed(tables, f"{name}_{suffix}", weights)
        columns[f"{name}_{suffix}"] = pa.array(np.maximum(mean + (level - mean) * wider, 0.0))
    return columns


def _median_date(tables: Sequence[pa.Table], weights: FloatArray) -> pa.Array:
    """The members' dates, averaged; null where one that has weight says none."""
    days = [
        pc.fill_null(table.column(c.MEDIAN_NEXT_PURCHASE_DATE).cast(pa.int32()).cast(pa.float64()), np.nan).to_numpy()
        for table in tables
    ]
    mixed = np.array(sum(np.where(weights[:, k] > 0, weights[:, k] * day, 0.0) for k, day in enumerate(days)))
    return pa.array(np.ceil(mixed), from_pandas=True).cast(pa.int32()).cast(pa.date32())


def _mixed(tables: Sequence[pa.Table], name: str, weights: FloatArray) -> FloatArray:
    return np.asarray(sum(weights[:, k] * _floats(table, name) for k, table in enumerate(tables)), dtype=np.float64)


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
