"""Models fitted one by one: what goes wrong in one is named and does not stop the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from farview.core.errors import FarviewError
from farview.evaluation.marginals import GridMarginal, Marginal
from jobs.backtest_models import Candidate, Forecasts, Predict
from jobs.past import Past
from jobs.progress import Progress


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model has no forecast from an origin."""

    as_of: date
    reason: str  # in the model's own words


@dataclass(frozen=True, slots=True)
class Fits:
    """Every model on one past."""

    forecasts: Mapping[str, Forecasts]
    predict: Mapping[str, Predict]  # of the same models, for other horizons
    failures: Mapping[str, Failure]  # of the models that have none


def fit_each(past: Past, models: Mapping[str, Candidate], horizon_days: int, progress: Progress) -> Fits:
    """Every model fitted on the past and asked for one horizon.

    Args:
        past: what they see.
        models: by name.
        horizon_days: days after the past's end.
        progress: is told of each fit.
    """
    forecasts, predict, failures = {}, {}, {}
    for name, model in models.items():
        try:
            fitted = model.fit(past)
            made = fitted(horizon_days)
        except Exception as error:  # whatever a library raises on data it has not seen: the other models go on
            failures[name] = Failure(past.as_of, _in_words(error))
        else:
            if (wrong := _what_is_wrong(made, past.rfm.num_rows)) is None:
                forecasts[name], predict[name] = made, fitted
            else:
                failures[name] = Failure(past.as_of, wrong)
        progress.advance()
    return Fits(forecasts, predict, failures)


def _in_words(error: Exception) -> str:
    kind = "" if isinstance(error, FarviewError) else f"{type(error).__name__}: "
    return kind + (" ".join(str(error).split()) or "no reason given")


def _what_is_wrong(forecasts: Forecasts, customers: int) -> str | None:
    """Figures that would spoil every score they enter."""
    named: Mapping[str, Marginal] = {
        "purchases": forecasts.purchases,
        "value": forecasts.value,
        "gross value": forecasts.gross_value,
    }
    for quantity, marginal in named.items():
        if len(marginal.mean) != customers:
            return f"forecasts {len(marginal.mean):,} customers' {quantity} instead of {customers:,}"
        bad = ~np.isfinite(marginal.mean)
        if isinstance(marginal, GridMarginal):
            bad |= ~np.isfinite(marginal.law.points).all(axis=1) | ~np.isfinite(marginal.law.p_zero)
        if bad.any():
            return f"its forecast of {quantity} is not a number for {int(bad.sum()):,} of {customers:,} customers"
    return None
