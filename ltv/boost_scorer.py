"""Forecasts of the boosted model, streaming: rows of customer features in, rows of the forecast contract out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.schemas import FORECAST
from farview.features.customer_rfm import rfm_of_features
from ltv.boost_anchor import anchor_figures, anchor_margins
from ltv.boost_inputs import input_matrix
from ltv.boost_losses import MORE, RETURNED, SOME, SPEND
from ltv.boost_median import AnchorWait, corrected_median
from ltv.boost_model import BoostModel
from ltv.boost_tilt import Corrections, tilted
from ltv.boost_trees import Trees
from ltv.horizons import rising_days
from ltv.returns import LEAST_KEPT
from ltv.scorer import CHUNK_ROWS, Scorer
from ltv.tables import Tables
from ltv.totals import Totals

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shared:
    """What scorers of one model and seed share; threads may, too."""

    tables: Tables  # of the anchor
    trees: Mapping[str, Trees]  # by head

    @classmethod
    def of(cls, model: BoostModel, seed: int) -> "Shared":
        """Made once a model."""
        return cls(Tables(model.anchor, seed), {name: Trees(trees) for name, trees in model.trees.items() if trees})


class BoostScorer:
    """Forecasts customers with one boosted model; one thread at a time."""

    def __init__(
        self,
        model: BoostModel,
        horizons_days: Sequence[int],
        as_of: date,
        seed: int,
        shared: Shared | None = None,
        *,
        gross: bool = False,
        corrected: bool = True,
    ) -> None:
        """A scorer of one run.

        Args:
            model: whose trees correct its anchor.
            horizons_days: rising.
            as_of: the day at whose end the features stop.
            seed: of the anchor's lattice rule and of the totals' noise.
            shared: of the model and seed, for many scorers; made here without.
            gross: returns are not deducted from value.
            corrected: False forecasts by the anchor, returns deducted all the same.

        Raises:
            InvalidInput: horizons that are not whole, positive and rising.
        """
        self._model = model
        self._asked = rising_days(horizons_days).tolist()
        self._horizons = sorted({*self._asked, model.units.reference_days})
        self._as_of, self._seed = as_of, seed
        self._gross, self._corrected = gross, corrected
        self._shared = shared or Shared.of(model, seed)
        self.partial_totals = Totals(self._asked, self._shared.tables.draws)

    def forecast(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `customer_features` to rows of schemas.FORECAST: customers in order, horizons rising within each."""
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                yield self._chunk(batch.slice(start, CHUNK_ROWS))

    def totals(self) -> pa.Table:
        """Joint draws (schemas.TOTALS) over all customers forecast so far."""
        return self.partial_totals.table(self._seed, self._model.period_sd)

    def _chunk(self, features: pa.RecordBatch) -> pa.RecordBatch:
        scorer = Scorer(self._model.anchor, self._horizons, self._as_of, self._seed, self._shared.tables)
        customers = rfm_of_features(features, self._as_of).combine_chunks()
        said = pa.Table.from_batches(scorer.forecast(customers.to_batches()))
        row = np.arange(said.num_rows).reshape(features.num_rows, -1)
        reference = said.take(pa.array(row[:, self._horizons.index(self._model.units.reference_days)]))
        asked = [self._horizons.index(days) for days in self._asked]
        kept = said.take(pa.array(row[:, asked].ravel()))
        corrections = self._corrections(features, reference, len(asked))
        forecast = self._dated(tilted(kept, corrections), said, corrections.some[:: len(asked)])
        means = [forecast.column(name).to_numpy().reshape(-1, len(asked)) for name in ("purchases_mean", "value_mean")]
        cohorts = customers.column(c.COHORT).to_pylist()
        self.partial_totals.add_corrected(scorer.partial_totals, cohorts, asked, means)
        return forecast

    def _dated(self, forecast: pa.RecordBatch, said: pa.Table, correction: FloatArray) -> pa.RecordBatch:
        """The forecast with the median day of the next purchase, given one within the longest horizon asked for."""
        horizons = len(self._horizons)
        day = said.column(c.MEDIAN_NEXT_PURCHASE_DATE).cast(pa.int32()).to_numpy()[::horizons]
        today = (self._as_of - date(1970, 1, 1)).days
        hazard = anchor_margins(said)[0].reshape(-1, horizons)
        wait = AnchorWait(np.array(self._horizons, dtype=np.float64), hazard, day - float(today))
        median = corrected_median(wait, self._horizons.index(self._asked[-1]), correction)
        days = np.repeat(np.ceil(median).astype(np.int32) + today, len(self._asked))
        place = FORECAST.get_field_index(c.MEDIAN_NEXT_PURCHASE_DATE)
        return forecast.set_column(place, FORECAST.field(place), pa.array(days).cast(pa.date32()))

    def _corrections(self, features: pa.RecordBatch, reference: pa.Table, horizons: int) -> Corrections:
        """Of every customer, repeated for each horizon."""
        inputs = input_matrix(features, anchor_figures(reference), self._model.units)
        add = {name: np.full(len(inputs), level) for name, level in self._model.level.items()}
        for name, trees in self._shared.trees.items():
            add[name] += trees.add(inputs)
        returned = np.zeros(len(inputs)) if self._gross else np.exp(add[RETURNED])
        kept = np.maximum(1.0 - returned, LEAST_KEPT)
        each = [add[name] if self._corrected else np.zeros(len(kept)) for name in (SOME, MORE, SPEND)] + [kept]
        return Corrections(*(np.repeat(values, horizons) for values in each))
