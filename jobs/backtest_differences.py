"""How far each model of a backtest is from past spend and from the best buy-till-you-die member, with its interval."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from farview.core import columns as c
from farview.evaluation.arrays import FloatArray
from farview.evaluation.bootstrap import difference, resampled_ginis, resampled_means
from jobs.backtest import Backtest
from jobs.backtest_models import Candidate

BASELINE = "past_spend"
GINI, CRPS = "gini", "crps"


def differences(result: Backtest, models: Mapping[str, Candidate]) -> dict[str, dict[str, dict[str, Any]]]:
    """By model, quantity and figure: its own less that of each baseline, by paired bootstrap over customers.

    The best member is the one with the highest Gini or the lowest CRPS of the quantity.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {
        name: {quantity: {} for quantity in (c.PURCHASES, c.VALUE)} for name in result.forecasts
    }
    family = [name for name in result.forecasts if models[name].buys_till_it_dies]
    for quantity in (c.PURCHASES, c.VALUE):
        actual = getattr(result.actuals, quantity)
        marginals = {name: getattr(forecasts, quantity) for name, forecasts in result.forecasts.items()}
        means = {name: marginal.mean for name, marginal in marginals.items()}
        scores = {name: marginal.crps(actual) for name, marginal in marginals.items()}
        for figure, sign, drawn in (
            (GINI, 1.0, resampled_ginis(actual, means, seed=result.spec.seed)),
            (CRPS, -1.0, resampled_means(scores, seed=result.spec.seed)),
        ):
            good = {name: float(np.nan_to_num(sign * drawn[name][0], nan=-np.inf)) for name in family}
            best = max(good, key=good.__getitem__, default=None)
            against = [name for name in (BASELINE, best) if name is not None and name in result.forecasts]
            for name in found:
                found[name][quantity][figure] = _gaps(name, drawn, against)
    return found


def _gaps(name: str, drawn: Mapping[str, FloatArray], against: list[str]) -> dict[str, Any]:
    return {
        other: None if (gap := difference(drawn[name], drawn[other])) is None else asdict(gap)
        for other in against
        if other != name
    }
