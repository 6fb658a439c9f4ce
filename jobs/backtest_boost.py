"""The boosted model as a backtest sees it."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.quantile_grid import law_of
from farview.evaluation.marginals import GridMarginal
from farview.features.customer import customer_features
from jobs.backtest_models import Forecasts, Past, Predict


def fit_boost_to(past: Past, seed: int) -> Predict:
    """Fits the boosted model to the events of a past and forecasts its customers."""
    from ltv.boost_fit import fit_boost
    from ltv.boost_scorer import BoostScorer

    cut = Cut(past.as_of, datetime.now(UTC))
    model = fit_boost(past.events, cut, past.zone, seed=seed)
    features = customer_features(past.events, cut, past.zone).read_all()
    asked = past.rfm.column(c.CUSTOMER_ID).combine_chunks()
    rows = features.filter(pc.is_in(features.column(c.CUSTOMER_ID), value_set=asked)).combine_chunks()

    def predict(horizon_days: int) -> Forecasts:
        net = BoostScorer(model, [horizon_days], past.as_of, seed)
        table = pa.Table.from_batches(net.forecast(rows.to_batches()))
        gross = table
        if model.returns:
            without = BoostScorer(model, [horizon_days], past.as_of, seed, gross=True)
            gross = pa.Table.from_batches(without.forecast(rows.to_batches()))
        return Forecasts(
            _marginal(table, c.PURCHASES),
            _marginal(table, c.VALUE),
            _marginal(gross, c.VALUE),
            net.totals(),
            model.diagnostics.warnings,
        )

    return predict


def _marginal(table: pa.Table, measure: str) -> GridMarginal:
    return GridMarginal(table.column(f"{measure}_mean").to_numpy(), law_of(table, measure))
