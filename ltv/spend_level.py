"""The expected amount of a customer's purchase, draw by draw, by the spend model of a fitted pair."""

import numpy as np
import numpy.typing as npt

from ltv.families import FIRST_SPEND
from ltv.model import BtydModel

FloatArray = npt.NDArray[np.float64]


class SpendLevel:
    """A spend model at some parameter draws; see `ltv.gamma_gamma` and `ltv.first_spend`."""

    def __init__(self, model: BtydModel, which: npt.NDArray[np.int64]) -> None:
        self._p, self._q, self._v = (column[:, None] for column in model.spend_draws[which, :3].T)
        self._first = self._weight = np.zeros((len(which), 1))
        if model.spend == FIRST_SPEND:
            self._first, ratio = (column[:, None] for column in model.spend_draws[which, 3:5].T)
            self._weight = self._first / (ratio * self._p)

    def of(self, x: FloatArray, mean: FloatArray, first: FloatArray) -> FloatArray:
        """Expected spend of a purchase, shape (draws, rows).

        Args:
            x: repeat purchases, shape (rows,).
            mean: spend per repeat purchase, 0 where nothing was paid, shape (rows,).
            first: spend of the first purchase, shape (rows,).
        """
        bought = np.where(mean > 0, x, 0.0)
        shape = self._q + self._p * bought + np.where(first > 0, self._first, 0.0)
        return np.asarray(self._p * (self._v + bought * mean + self._weight * np.maximum(first, 0.0)) / (shape - 1.0))
