"""Customer-value models in jobs, whatever their kind: fitted by a configuration, asked of the customers of a past."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import law_of
from farview.evaluation.marginals import GridMarginal
from farview.features.window import GROSS_VALUE
from jobs.backtest_models import Forecasts, Predict, net_of_returns
from jobs.fit_combination import PoolTerms, fit_combination
from jobs.fit_once import FitOnce
from jobs.known import Known
from jobs.ltv_configuration import DEFAULT_HORIZON_DAYS, HORIZON_DAYS, kinds_of, members_of, period_days
from jobs.past import Past, past_of
from jobs.period_effect import pairs_of
from ltv import families
from ltv.boost_fit import fit_boost
from ltv.boost_model import BoostModel
from ltv.combination_model import CombinationModel
from ltv.fit import Method, fit
from ltv.inputs import Inputs
from ltv.model import BtydModel, LtvModel, differs_by
from ltv.registered import ready
from ltv.returns import kept_share
from ltv.sequence_model import NETWORKS

Fit = Callable[[Known, Mapping[str, str], int], LtvModel]
"""(what is known, configuration, seed) to a model."""


def _fit_btyd(known: Known, configuration: Mapping[str, str], seed: int) -> LtvModel:
    kinds, method = kinds_of(configuration), cast(Method, configuration["method"])
    rows = known.customers(period_days(configuration), kinds.columns)
    return fit(rows, model=configuration["model"], method=method, seed=seed, kinds=kinds)


def _fit_boost(known: Known, configuration: Mapping[str, str], seed: int) -> LtvModel:
    _only_laplace(configuration)
    return fit_boost(known.table(), known.cut, known.zone, seed=seed)


def _fit_sequence(known: Known, configuration: Mapping[str, str], seed: int) -> LtvModel:
    from ltv.sequence_fit import fit_sequence  # torch takes over a second to import

    if configuration["method"] != "laplace":
        raise InvalidInput.of("--method", f"{configuration['model']} has no posterior (leave --method out)")
    return fit_sequence(configuration["model"], known.table(), known.cut, known.zone, seed=seed)


def _fit_combination(known: Known, configuration: Mapping[str, str], seed: int) -> LtvModel:
    _only_laplace(configuration)
    terms = PoolTerms(int(configuration.get(HORIZON_DAYS, DEFAULT_HORIZON_DAYS)), members_of(configuration))
    return fit_combination(past_of(known.table(), known.cut.as_of, known.zone), terms, FitOnce(seed))


def _only_laplace(configuration: Mapping[str, str]) -> None:
    name, method = configuration["model"], configuration["method"]
    if method != "laplace":
        raise InvalidInput.of("--method", f"what {name} is built on is fitted by laplace, not {method}")


_FITS: Mapping[str, Fit] = {
    **dict.fromkeys(families.MODELS, _fit_btyd),
    BoostModel.name: _fit_boost,
    **dict.fromkeys(NETWORKS, _fit_sequence),
    CombinationModel.name: _fit_combination,
}
MODELS = tuple(_FITS)
"""What `train ltv --model` takes."""


def fit_configured(known: Known, configuration: Mapping[str, str], seed: int) -> LtvModel:
    """The model that a configuration gives.

    Args:
        known: what it may see.
        configuration: "model", one of MODELS; "method", of `ltv.fit.fit`; of the combination "horizon_days" that its
            weights are learnt for, and its "members".
        seed: same seed and data, same model.

    Raises:
        InvalidInput: an unknown model or method, or nobody bought by the cut.
    """
    name = configuration["model"]
    if name not in _FITS:
        raise InvalidInput.of("model", f"{name!r} is not known; use one of {', '.join(MODELS)}")
    return _FITS[name](known, configuration, seed)


def predict_by(model: LtvModel, past: Past, seed: int, attributes: pa.Table | None = None) -> Predict:
    """Forecasts of the past's customers by a model that is fitted already.

    Of a model that knows nothing of returns the net value is what of its gross value customers have kept so far, all
    together.

    Args:
        model: fitted.
        past: whose customers are forecast.
        seed: of the forecasts.
        attributes: schemas.ATTRIBUTES, for models whose customers differ by them.
    """
    prepared = ready(model, seed)
    rows = _histories(model, past, attributes) if isinstance(model, BtydModel) else _rows(prepared.inputs, past)

    kept, _ = kept_share(*(past.history.column(name).to_numpy() for name in (GROSS_VALUE, c.VALUE)))

    def predict(horizon_days: int) -> Forecasts:
        scorer = prepared.scorer([horizon_days], past.as_of)
        table = pa.Table.from_batches(scorer.forecast(rows.to_batches()))
        purchases, value = (_marginal(table, measure) for measure in (c.PURCHASES, c.VALUE))
        made = Forecasts(purchases, value, value, scorer.totals(), model.diagnostics.warnings, pairs_of(model))
        if not model.deducts_returns:
            return net_of_returns(made, kept)
        without = prepared.scorer([horizon_days], past.as_of, gross=True)
        return replace(made, gross_value=_marginal(pa.Table.from_batches(without.forecast(rows.to_batches())), c.VALUE))

    return predict


def _histories(model: BtydModel, past: Past, attributes: pa.Table | None) -> pa.Table:
    return Known.of(past, attributes).customers(model.period_days, differs_by(model))


def _rows(inputs: Inputs, past: Past) -> pa.Table:
    """The inputs of the past's customers, in its order."""
    rows = inputs.bulk(past.events, past.cut, past.zone).read_all()
    asked = past.rfm.column(c.CUSTOMER_ID).combine_chunks()
    return rows.filter(pc.is_in(rows.column(c.CUSTOMER_ID), value_set=asked)).combine_chunks()


def _marginal(table: pa.Table, measure: str) -> GridMarginal:
    return GridMarginal(table.column(f"{measure}_mean").to_numpy(), law_of(table, measure))
