"""A pool of value models as a backtest sees it: weights fitted on origins inside the past, by what came after them."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.quantile_grid import law_of
from farview.evaluation.marginals import GridMarginal
from farview.evaluation.origins import Origin, rolling_origins
from farview.features.customer import customer_features
from jobs.backtest_models import Forecasts, Past, Predict
from ltv.boost_fit import fit_boost
from ltv.boost_model import BoostModel
from ltv.boost_scorer import BoostScorer
from ltv.combination import Member, Trial, Weights, fit_weights, pooled, segments

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """The anchor of a boosted model and the model itself, on one past."""

    model: BoostModel
    features: pa.Table  # of the past's customers
    past: Past
    seed: int

    @classmethod
    def fitted(cls, past: Past, seed: int) -> "_Members":
        cut = Cut(past.as_of, datetime.now(UTC))
        model = fit_boost(past.events, cut, past.zone, seed=seed)
        features = customer_features(past.events, cut, past.zone).read_all()
        asked = past.rfm.column(c.CUSTOMER_ID).combine_chunks()
        member = pc.is_in(features.column(c.CUSTOMER_ID), value_set=asked)
        return cls(model, features.filter(member).combine_chunks(), past, seed)

    @property
    def segment(self) -> npt.NDArray[np.int64]:
        return segments(self.past.rfm.column(c.FREQUENCY).to_numpy())

    def forecasts(self, horizon_days: int, *, gross: bool = False) -> tuple[pa.Table, pa.Table]:
        """schemas.FORECAST of the anchor and of the boosted model."""
        scorers = (
            BoostScorer(self.model, [horizon_days], self.past.as_of, self.seed, gross=gross, corrected=corrected)
            for corrected in (False, True)
        )
        anchor, boosted = (pa.Table.from_batches(each.forecast(self.features.to_batches())) for each in scorers)
        return anchor, boosted


def fit_combination_to(past: Past, seed: int) -> Predict:
    """Fits the members to a past, and their weights on origins inside it."""
    members = _Members.fitted(past, seed)

    def predict(horizon_days: int) -> Forecasts:
        weights = fit_weights([_trial(past, origin, seed) for origin in _origins(past, horizon_days)])
        net = _pooled(members.forecasts(horizon_days), weights, members.segment)
        gross = net
        if members.model.returns:
            gross = _pooled(members.forecasts(horizon_days, gross=True), weights, members.segment)
        told = (*members.model.diagnostics.warnings, *_in_words(weights))
        return Forecasts(net.purchases, net.value, gross.value, warnings=told)

    return predict


def _origins(past: Past, horizon_days: int) -> tuple[Origin, ...]:
    """The oldest and the newest of the rolling origins: their targets do not overlap."""
    first: datetime = pc.min(past.rfm.column(c.FIRST_PURCHASE_DATE)).as_py()
    origins = rolling_origins(first, past.as_of, horizon_days)
    return (origins[0], origins[-1]) if len(origins) > 1 else origins


def _trial(past: Past, origin: Origin, seed: int) -> Trial:
    from jobs.backtest import actuals_of, past_of

    then = past_of(past.events, origin.as_of, past.zone)
    came = actuals_of(past.events, then, origin.target_end)
    members = _Members.fitted(then, seed)
    laws = [
        Member(law_of(table, c.PURCHASES), law_of(table, c.VALUE)) for table in members.forecasts(origin.target_days)
    ]
    return Trial(tuple(laws), came.purchases, came.value, members.segment)


def _pooled(tables: tuple[pa.Table, ...], weights: Weights, segment: npt.NDArray[np.int64]) -> Forecasts:
    each = weights.of(segment)
    purchases, value = (
        GridMarginal(
            (np.stack([table.column(f"{measure}_mean").to_numpy() for table in tables], axis=1) * each).sum(axis=1),
            pooled([law_of(table, measure) for table in tables], each, weights.power),
        )
        for measure in (c.PURCHASES, c.VALUE)
    )
    return Forecasts(purchases, value, value)


def _in_words(weights: Weights) -> tuple[str, ...]:
    boosted = [f"{100 * row[-1]:.0f} %" for row in weights.by_segment]
    if len(set(boosted)) == 1 and boosted[0] in ("0 %", "100 %"):
        only = "its boosted member" if boosted[0] == "100 %" else "its buy-till-you-die member"
        return (f"the pool did not win on origins left out, so all weight is on {only}",)
    return ()
