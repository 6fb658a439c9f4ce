"""Forecasts of sequence networks, streaming: event sequences in, rows of the forecast contract out."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from farview.core import columns as c
from farview.core import quantile_grid as grid
from farview.core.quantile_grid import GridLaw
from farview.core.schemas import FORECAST
from ltv import sequence_law as law
from ltv.horizons import rising_days
from ltv.sequence_grids import amount_grids, count_grids
from ltv.sequence_inputs import FloatArray, tokens
from ltv.sequence_law import Laws, read_outputs
from ltv.sequence_model import SequenceModel
from ltv.sequence_network import outputs
from ltv.totals import FEWEST_DRAWS, MEASURES, Totals

CHUNK_ROWS = 4096  # customers held at once
LEAST_SOME = 1e-12  # P(N > 0): what is less likely has no law


class SequenceScorer:
    """Forecasts customers with one network; one thread at a time."""

    def __init__(
        self, model: SequenceModel, horizons_days: Sequence[int], as_of: date, seed: int, *, gross: bool = False
    ) -> None:
        """A scorer of one run.

        Args:
            model: whose laws are forecast.
            horizons_days: rising.
            as_of: the day at whose end the sequences stop.
            seed: of the totals' noise.
            gross: returns are not deducted from value.

        Raises:
            InvalidInput: horizons that are not whole, positive and rising.
        """
        self._days = rising_days(horizons_days)
        self._model, self._as_of, self._seed = model, as_of, seed
        self._gross = gross or not model.deducts_returns
        self._u = self._days / model.units.reference_days
        self.partial_totals = Totals(self._days.tolist(), FEWEST_DRAWS)
        self._levels = _levels(model)

    def forecast(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `event_sequences`, LONGEST events kept, to rows of schemas.FORECAST.

        Customers in the order given, horizons rising within each.
        """
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                yield self._chunk(batch.slice(start, CHUNK_ROWS))

    def totals(self) -> pa.Table:
        """Joint draws (schemas.TOTALS) over all customers forecast so far."""
        return self.partial_totals.table(self._seed)

    def _chunk(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        model = self._model
        laws = read_outputs(outputs(model.weights, tokens(batch, model.units)), model.units.money)
        measures = _measures(laws, self._u, gross=self._gross)
        self._add(batch, measures)
        customer = pa.array(np.repeat(np.arange(batch.num_rows), len(self._days)))
        longest = float(self._days[-1])
        wait = law.median_wait(laws, self._u[-1]) * model.units.reference_days
        median = np.clip(np.ceil(wait), 1.0, longest).astype(np.int32) + (self._as_of - date(1970, 1, 1)).days
        columns: dict[str, pa.Array] = {
            c.HORIZON_DAYS: pa.array(np.tile(self._days, batch.num_rows)),
            c.P_ALIVE: pa.nulls(len(customer), pa.float64()),  # not defined: `active` is no more than part of a law
            c.MEDIAN_NEXT_PURCHASE_DATE: pa.array(np.repeat(median, len(self._days))).cast(pa.date32()),
        }
        for name in (c.CUSTOMER_ID, c.COHORT, c.FIRST_PURCHASE_DATE):
            columns[name] = batch.column(name).take(customer)
        columns |= {name: pa.array(column) if isinstance(column, np.ndarray) else column
                    for name, column in measures.items()}  # fmt: skip
        return pa.RecordBatch.from_arrays([columns[field.name] for field in FORECAST], schema=FORECAST)

    def _add(self, batch: pa.RecordBatch, measures: "dict[str, FloatArray | pa.Array]") -> None:
        """Means and variances of the chunk's customers, under each draw of what moves all of them alike."""
        H = len(self._days)
        cohort = batch.column(c.COHORT).dictionary_encode()
        group = self.partial_totals.groups(cohort.dictionary.to_pylist())[cohort.indices.to_numpy()]
        means = [np.asarray(measures[f"{name}_mean"]).reshape(-1, H) for name in MEASURES]
        self.partial_totals.add_means(group, np.ones(len(group)), *means)
        sums = self.partial_totals.sums
        for m, name in enumerate(MEASURES):
            variance = np.asarray(measures[f"{name}_sd"]).reshape(-1, H) ** 2
            for column, each, factor in (
                (2 * m, means[m], self._levels[m]),
                (2 * m + 1, variance, self._levels[m] ** 2),
            ):
                by_group = np.zeros(sums.shape[:2])
                np.add.at(by_group, group, each)
                sums[:, :, column] += by_group[..., None] * factor


def _levels(model: SequenceModel) -> FloatArray:
    """Factors on all customers' purchases and value, (2, FEWEST_DRAWS), with mean 1.

    Lognormal, as wide as what was missed on days that training had not seen; the network cannot know of a good season.
    """
    z = ndtri((np.arange(FEWEST_DRAWS) + 0.5) / FEWEST_DRAWS)
    found = model.diagnostics
    widths = np.abs([found.purchases_missed, found.value_missed])
    drawn = np.exp(widths[:, None] * z)
    return np.asarray(drawn / drawn.mean(axis=1, keepdims=True))


def _measures(laws: Laws, u: FloatArray, *, gross: bool) -> "dict[str, FloatArray | pa.Array]":
    """Forecast columns, each (rows x H,)."""
    expected = law.expected_purchases(laws, u)
    some = np.maximum(1.0 - law.p_none(laws, expected), LEAST_SOME)
    first = np.maximum(expected / some, 1.0)
    variation = law.value_variation(laws, expected, some)
    spend = laws.spend if gross else laws.spend * laws.kept
    value = expected * spend[:, None]
    told = {"expected": expected, "some": some, "first": first, "variation": variation, "value": value}
    flat = {name: array.reshape(-1) for name, array in told.items()}
    each = len(u)
    counts = count_grids(flat["expected"] / np.repeat(laws.active, each), np.repeat(laws.shape, each))
    amounts = amount_grids(flat["variation"]) * (flat["value"] / flat["some"])[:, None]
    own = np.repeat(law.own_quantiles(laws, np.array(c.QUANTILE_LEVELS)), each, axis=0)
    second = law.second_moment(laws, expected).reshape(-1)
    columns: dict[str, FloatArray | pa.Array] = {
        "purchases_p_zero": 1.0 - flat["some"],
        "purchases_mean": flat["expected"],
        "purchases_sd": np.sqrt(np.maximum(second - flat["expected"] ** 2, 0.0)),
        "purchases_grid": grid.encode(counts, flat["first"]),
        "value_p_zero": 1.0 - flat["some"],
        "value_mean": flat["value"],
        "value_sd": flat["value"] * np.sqrt((1.0 + flat["variation"]) / flat["some"] - 1.0),
        "value_grid": grid.encode(amounts, flat["value"] / flat["some"]),
        "expected_value_mean": flat["value"],
        "expected_value_sd": flat["value"] * np.repeat(law.own_variation(laws), each),
    }
    for name, points, whole in ((c.PURCHASES, counts, True), (c.VALUE, amounts, False)):
        laws_of = GridLaw(1.0 - flat["some"], points, whole)
        for suffix, level in zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True):
            columns[f"{name}_{suffix}"] = grid.quantile(laws_of, level)
    for k, suffix in enumerate(c.QUANTILE_SUFFIXES):
        columns[f"{c.EXPECTED_VALUE}_{suffix}"] = flat["value"] * own[:, k]
    return columns
