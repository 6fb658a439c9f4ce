"""What customers are expected to buy as time passes, draw by draw, by the purchase process of a fitted model.

Of a history only (x, t_x, T) is read. The past stays as it was seen; the future may be scaled: `rate` times the
purchases while a customer, `churn` times the speed or the chance of leaving.

Leaving after purchases (BG/NBD, MBG/NBD). A customer alive at T has rate lambda ~ Gamma(r + x, alpha + T) and leaves
after a purchase with chance p ~ Beta(a, b + x) (MBG/NBD: b + x + 1). With p held the expected purchases within t are

    (1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p,

so a rate k times as high is a horizon k times as long, and leaving c times as easily is c p in place of p, at most 1.
Source: the integral over lambda of Fader, Hardie, Lee (2005), Marketing Science 24(2), eq. (10), before that over p.

Leaving at any moment (Pareto/NBD). Given alive, rate and life are independent (`pareto_nbd.moments_while_alive`), so
the rate multiplies the purchases, and leaving c times as fast is a life measured in days 1/c as long.
"""

from collections.abc import Callable
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, expit

from farview.core.errors import FailedPrecondition
from ltv.families import BG_NBD, MBG_NBD, PARETO_NBD
from ltv.model import BtydModel
from ltv.pareto_nbd import log_odds_of_dropout

FloatArray = npt.NDArray[np.float64]

NODES = 24  # of the chance to leave, by Gauss-Legendre on its quantiles
SMALLEST_CHANCE = 1e-12
NEAR_ONE = 1e-9  # of s, where (1 - e^-(s - 1) l) / (s - 1) is l


class Bought(Protocol):
    """Expected purchases of living customers within so many days, shape (draws, rows)."""

    def __call__(self, days: float, rate: float = 1.0, churn: float = 1.0) -> FloatArray: ...


class Flow(Protocol):
    """A purchase process at some parameter draws. Histories are x, t_x, T in days, each shape (rows,)."""

    def alive(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """P(not left by T), shape (draws, rows)."""

    def living(self, x: FloatArray, age: FloatArray) -> Bought:
        """What customers buy if they have not left by T."""


class LeavingAfterPurchases:
    """BG/NBD and MBG/NBD."""

    def __init__(self, draws: FloatArray, *, may_leave_at_first: bool) -> None:
        self._r, self._alpha, self._a, self._b = (column[:, None] for column in draws.T)
        self._may_leave_at_first = may_leave_at_first
        points, weights = np.polynomial.legendre.leggauss(NODES)
        self._places, self._weights = (points + 1) / 2, weights / 2

    def alive(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """P(not left by T), shape (draws, rows)."""
        waited = np.log1p(age / self._alpha) - np.log1p(recency / self._alpha)
        left = self._b + x - (0.0 if self._may_leave_at_first else 1.0)
        possible = (x > 0) | self._may_leave_at_first
        odds = np.log(self._a) - np.log(np.where(possible, left, 1.0)) + (self._r + x) * waited
        return np.asarray(expit(-np.where(possible, odds, -np.inf)))

    def living(self, x: FloatArray, age: FloatArray) -> Bought:
        """What customers buy if they have not left by T."""
        distinct, place = np.unique(x, return_inverse=True)
        stayed = self._b + distinct + (1.0 if self._may_leave_at_first else 0.0)
        chance = betaincinv(self._a[..., None], stayed[..., None], self._places)  # (draws, distinct, nodes)
        scale, power = (self._alpha + age)[..., None], (self._r + x)[..., None]

        def bought(days: float, rate: float = 1.0, churn: float = 1.0) -> FloatArray:
            leave = np.clip(churn * chance, SMALLEST_CHANCE, 1.0)[:, place]
            return np.asarray(-np.expm1(-power * np.log1p(leave * (days * rate) / scale)) / leave @ self._weights)

        return bought


class LeavingAtAnyMoment:
    """Pareto/NBD."""

    def __init__(self, draws: FloatArray) -> None:
        self._draws = np.ascontiguousarray(draws)
        self._r, self._alpha, self._s, self._beta = (column[:, None] for column in draws.T)

    def alive(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """P(not left by T), shape (draws, rows)."""
        return np.asarray(expit(-_odds(self._draws, x, recency, age)))

    def living(self, x: FloatArray, age: FloatArray) -> Bought:
        """What customers buy if they have not left by T: E rate times E min(life, days)."""
        each_day, scale, excess = (self._r + x) / (self._alpha + age), self._beta + age, self._s - 1.0
        near_one = np.abs(excess) < NEAR_ONE
        divisor = np.where(near_one, 1.0, excess)

        def bought(days: float, rate: float = 1.0, churn: float = 1.0) -> FloatArray:
            if churn * days < SMALLEST_CHANCE:
                return np.asarray(each_day * (rate * days))
            level = np.log1p(churn * days / scale)
            life = scale * np.where(near_one, level, -np.expm1(-excess * level) / divisor) / churn
            return np.asarray(each_day * rate * life)

        return bought


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _odds(draws: FloatArray, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
    """log odds of having left, (draws, rows)."""
    out, unused = np.empty((len(draws), len(x))), np.empty(0)
    for k in range(len(draws)):
        params = (draws[k, 0], draws[k, 1], draws[k, 2], draws[k, 3])
        for i in range(len(x)):
            out[k, i] = log_odds_of_dropout(params, x[i], recency[i], age[i], unused)
    return out


_FLOWS: dict[str, Callable[[FloatArray], Flow]] = {
    BG_NBD: lambda draws: LeavingAfterPurchases(draws, may_leave_at_first=False),
    MBG_NBD: lambda draws: LeavingAfterPurchases(draws, may_leave_at_first=True),
    PARETO_NBD: LeavingAtAnyMoment,
}


def flow_of(model: BtydModel, which: npt.NDArray[np.int64]) -> Flow:
    """The purchase process of a model at some of its draws.

    Raises:
        FailedPrecondition: a family whose future cannot be scaled, or a model whose customers differ by kinds.
    """
    if model.effects:
        raise FailedPrecondition("a model whose customers differ by kinds cannot be scaled (use one that does not)")
    if model.purchases not in _FLOWS:
        raise FailedPrecondition(f"{model.purchases} cannot be scaled (use a model of {', '.join(_FLOWS)})")
    return _FLOWS[model.purchases](model.purchase_draws[which])
