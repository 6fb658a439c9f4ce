"""Sequence networks as a backtest sees them."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.quantile_grid import law_of
from farview.evaluation.marginals import GridMarginal
from farview.features.sequences import event_sequences
from jobs.backtest_models import Forecasts, Past, Predict


def fit_sequence_to(name: str, seed: int, past: Past) -> Predict:
    """Trains a network on the events of a past and forecasts its customers."""
    from ltv.sequence_fit import fit_sequence
    from ltv.sequence_scorer import SequenceScorer

    cut = Cut(past.as_of, datetime.now(UTC))
    model = fit_sequence(name, past.events, cut, past.zone, seed=seed)
    rows = _sequences(past)

    def predict(horizon_days: int) -> Forecasts:
        scorer = SequenceScorer(model, [horizon_days], past.as_of, seed)
        net = gross = pa.Table.from_batches(scorer.forecast(rows.to_batches()))
        if model.deducts_returns:
            without = SequenceScorer(model, [horizon_days], past.as_of, seed, gross=True)
            gross = pa.Table.from_batches(without.forecast(rows.to_batches()))
        marginals = (_marginal(net, c.PURCHASES), _marginal(net, c.VALUE), _marginal(gross, c.VALUE))
        return Forecasts(*marginals, scorer.totals(), model.diagnostics.warnings)

    return predict


def _sequences(past: Past) -> pa.Table:
    """Rows of `event_sequences` of the past's customers, in its order."""
    from ltv.sequence_inputs import LONGEST

    rows = event_sequences(past.events, Cut(past.as_of, datetime.now(UTC)), past.zone, LONGEST).read_all()
    asked = past.rfm.column(c.CUSTOMER_ID).combine_chunks()
    return rows.filter(pc.is_in(rows.column(c.CUSTOMER_ID), value_set=asked)).combine_chunks()


def _marginal(table: pa.Table, measure: str) -> GridMarginal:
    return GridMarginal(table.column(f"{measure}_mean").to_numpy(), law_of(table, measure))
