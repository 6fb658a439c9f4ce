"""Normalised Gini: how well a forecast orders customers by what they turn out to be worth."""

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray


def normalized_gini(actual: FloatArray, forecast: FloatArray, counts: IntArray | None = None) -> float | None:
    """Area between the cumulative-gain curve and the diagonal, over the same area for the perfect order.

    1 is the perfect order, 0 a random one or a constant forecast, negative an order worse than random. Customers with
    the same forecast share the mean of their actuals; negative actuals stay as they are.

    Args:
        actual: shape (customers,).
        forecast: shape (customers,); only its order matters.
        counts: how often each customer is in the sample, shape (customers,); once each if None. For the bootstrap.

    Returns:
        The figure, or None when all actuals are equal, so that no order is better than another.
    """
    return Ordering(actual, forecast).gini(counts)


class Ordering:
    """A forecast and the perfect one, sorted once, so that many resamples are cheap."""

    def __init__(self, actual: FloatArray, forecast: FloatArray) -> None:
        self._by_forecast = _Curve(actual, forecast)
        self._by_actual = _Curve(actual, actual)
        self._once = np.ones(len(actual), dtype=np.int64)

    def gini(self, counts: IntArray | None = None) -> float | None:
        """`normalized_gini` of a resample in which customer i stands counts[i] times."""
        counts = self._once if counts is None else counts
        perfect = self._by_actual.area(counts)
        # Equal actuals leave only rounding error between the curve and the diagonal.
        scale = float((np.abs(self._by_actual.gains) * counts[self._by_actual.order]).sum()) * int(counts.sum())
        if perfect <= 1e-12 * scale:
            return None
        return self._by_forecast.area(counts) / perfect


class _Curve:
    """Cumulative gain in the order of a score, highest first; ties are one straight segment."""

    def __init__(self, actual: FloatArray, score: FloatArray) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.gains = actual[self.order]
        ordered = score[self.order]
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.array([], int)

    def area(self, counts: IntArray) -> float:
        """Trapezoid area above the diagonal, in units of actual x customers."""
        if len(self.order) == 0:
            return 0.0
        weights = counts[self.order]
        widths = np.add.reduceat(weights, self._starts)
        gains = np.add.reduceat(self.gains * weights, self._starts)
        before = np.cumsum(gains) - gains
        # No np.dot: its threads cost more than they give at these sizes.
        return float((widths * (before + gains / 2)).sum() - widths.sum() * gains.sum() / 2)
