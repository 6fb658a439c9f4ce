"""Are cohorts forecast alike? The part of a backtest that tells how each month of first purchases was judged."""

from typing import Any

import numpy as np

from farview.core import columns as c
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.fairness import LEVEL, RULE, as_data, calibrations, residuals
from farview.evaluation.marginals import Marginal
from farview.evaluation.measures import measures_by_group
from jobs.backtest import Backtest

NO_EXPOSURES = "not in a file of transactions (farview evaluate fairness reads them from a database)"


def by_cohort(result: Backtest) -> dict[str, Any]:
    """Calibration of value by cohort (month of the first purchase), of every model; units are the file's."""
    names, place = np.unique(result.past.rfm.column(c.COHORT).to_numpy(), return_inverse=True)
    cohorts = tuple(str(name) for name in names)
    actual = result.actuals.value
    return {
        "by": "cohort",
        "quantity": c.VALUE,
        "level": LEVEL,
        "rule": RULE,
        "exposures": NO_EXPOSURES,
        "models": {
            name: _groups(actual, forecasts.value, place, cohorts) for name, forecasts in result.forecasts.items()
        },
    }


def _groups(actual: FloatArray, forecast: Marginal, place: IntArray, cohorts: tuple[str, ...]) -> list[dict[str, Any]]:
    measured = measures_by_group(actual, forecast, place, cohorts)
    members = [np.flatnonzero(place == k) for k in range(len(cohorts))]
    told = calibrations(list(zip(measured, members, strict=True)), residuals(actual, forecast.mean))
    return [as_data(one) for one in told]
