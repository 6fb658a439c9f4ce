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
    rows = sequences_of(past)

    def predict(horizon_days: int) -> Forecasts:
        scorer = SequenceScorer(model, [horizon_days], past.as_of, seed)
        net = pa.Table.from_batches(scorer.forecast(rows.to_batches()))
        without = SequenceScorer(model, [horizon_days], past.as_of, seed).forecast(rows.to_batches(), gross=True)
        gross = pa.Table.from_batches(without)
        marginals = (_marginal(net, c.PURCHASES), _marginal(net, c.VALUE), _marginal(gross, c.VALUE))
        return Forecasts(*marginals, scorer.totals(), model.diagnostics.warnings)

    return predict


def sequences_of(past: Past) -> pa.Table:
    """Rows of `event_sequences` of the past's customers in their order, with what the scorer needs beside them."""
    from ltv.sequence_inputs import LONGEST

    cut = Cut(past.as_of, datetime.now(UTC))
    rows = event_sequences(past.events, cut, past.zone, LONGEST).read_all()
    place = pc.index_in(past.rfm.column(c.CUSTOMER_ID), value_set=rows.column(c.CUSTOMER_ID).combine_chunks())
    rows = rows.take(place).combine_chunks()
    for name in (c.COHORT, c.FIRST_PURCHASE_DATE):
        rows = rows.append_column(name, past.rfm.column(name))
    return rows.combine_chunks()


def _marginal(table: pa.Table, measure: str) -> GridMarginal:
    return GridMarginal(table.column(f"{measure}_mean").to_numpy(), law_of(table, measure))
