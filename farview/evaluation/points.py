"""How near a mean forecast comes: errors, correlation, order. Undefined figures are None."""

import numpy as np
from scipy.stats import rankdata

from farview.evaluation.arrays import FloatArray


def ratio(actual: FloatArray, forecast: FloatArray) -> float | None:
    """Forecast total over actual total; None when the actual total is 0."""
    total = float(actual.sum())
    return float(forecast.sum()) / total + 0.0 if total != 0 else None  # + 0.0: 0 over a net loss is 0, not -0


def mae(actual: FloatArray, forecast: FloatArray) -> float:
    """Mean absolute error."""
    return float(np.abs(forecast - actual).mean())


def rmse(actual: FloatArray, forecast: FloatArray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.square(forecast - actual).mean()))


def correlation(actual: FloatArray, forecast: FloatArray) -> float | None:
    """Pearson's; None when either is constant."""
    if len(actual) == 0 or np.ptp(actual) == 0 or np.ptp(forecast) == 0:
        return None
    a, f = _centred_unit(actual), _centred_unit(forecast)
    return float(np.clip(np.dot(a, f), -1.0, 1.0))


def spearman(actual: FloatArray, forecast: FloatArray) -> float | None:
    """Pearson's correlation of average ranks; None when either is constant."""
    if len(actual) == 0:
        return None
    return correlation(rankdata(actual), rankdata(forecast))


def decile_lift(actual: FloatArray, forecast: FloatArray) -> FloatArray | None:
    """Mean actual of each tenth of the customers, highest forecasts first, over the mean of all; shape (10,).

    Tied customers share the mean of their actuals, so the order of rows does not matter. None when the mean of all is
    not positive or there are fewer than ten customers.
    """
    if len(actual) < 10 or actual.mean() <= 0:
        return None
    _, tie = np.unique(-forecast, return_inverse=True)
    shared = (np.bincount(tie, weights=actual) / np.bincount(tie))[tie]
    ordered = shared[np.argsort(tie, kind="stable")]
    return np.array([tenth.mean() for tenth in np.array_split(ordered, 10)]) / actual.mean()


def _centred_unit(values: FloatArray) -> FloatArray:
    scaled = values / np.abs(values).max()  # before squaring, so that neither tiny nor huge units leave the range
    centred = scaled - scaled.mean()
    return np.asarray(centred / np.sqrt(np.dot(centred, centred)))
