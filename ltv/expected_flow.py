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

Leaving before opportunities (BG/BB). Given alive at the n-th, the chance to buy p ~ Beta(alpha + x, beta + n - x) and
that to leave theta ~ Beta(gamma, delta + n) are independent, so that within m opportunities one expects

    E min(k p, 1) E sum over j = 1 .. m of (1 - min(c theta, 1))^j;

one that the days cover in part counts with that part (`kernel_bg_bb`).
"""

import math
from collections.abc import Callable
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import betainc, betaincinv, expit

from farview.core.errors import FailedPrecondition
from ltv.effects import groups_of
from ltv.families import BG_BB, BG_NBD, MBG_NBD, PARETO_NBD
from ltv.kernel_bg_bb import BgBb, observe
from ltv.kernel_purchases import History, State
from ltv.model import BtydModel
from ltv.pareto_nbd import log_odds_of_dropout

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NODES = 24  # of the chance to leave, by Gauss-Legendre on its quantiles
SMALLEST_CHANCE = 1e-12
LARGEST_CHANCE = 1.0 - 1e-12  # to leave before an opportunity
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
        left = self._b + (x if self._may_leave_at_first else x - 1.0)  # b itself at x = 1, however small
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


class LeavingBeforeOpportunities:
    """BG/BB, opportunities of so many days."""

    def __init__(self, draws: FloatArray, period_days: int) -> None:
        self._draws = BgBb(np.ascontiguousarray(draws), float(period_days), 0)
        self._alpha, self._beta, self._gamma, self._delta = (column[:, None] for column in draws.T)
        points, weights = np.polynomial.legendre.leggauss(NODES)
        self._places, self._weights = (points + 1) / 2, weights / 2

    def alive(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """P(not left by T), shape (draws, rows)."""
        return np.asarray(_alive_at_opportunity(self._draws, x, recency, age))

    def living(self, x: FloatArray, age: FloatArray) -> Bought:
        """What customers buy if they have not left by T: E chance to buy times E opportunities lived through."""
        period = self._draws.period_days
        n = np.round(age / period)
        distinct, place = np.unique(n, return_inverse=True)
        chance = betaincinv(self._gamma[..., None], (self._delta + distinct)[..., None], self._places)
        a, b = self._alpha + x, self._beta + (n - x)

        def buys(rate: float) -> FloatArray:
            """E min(rate p, 1)."""
            mean = rate * a / (a + b)
            if rate <= 1.0:
                return np.asarray(mean)
            return np.asarray(mean * betainc(a + 1.0, b, 1.0 / rate) + 1.0 - betainc(a, b, 1.0 / rate))

        def bought(days: float, rate: float = 1.0, churn: float = 1.0) -> FloatArray:
            whole = math.floor(days / period)
            leave = np.clip(churn * chance, SMALLEST_CHANCE, LARGEST_CHANCE)  # (draws, distinct, nodes)
            log_stay = np.log1p(-leave)
            lived = np.exp(log_stay) * -np.expm1(whole * log_stay) / leave
            lived += (days / period - whole) * np.exp((whole + 1) * log_stay)
            return np.asarray(buys(rate) * (lived @ self._weights)[:, place])

        return bought


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _alive_at_opportunity(draws: BgBb, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
    """P(alive at the last opportunity), (draws, rows)."""
    size = len(draws.draws)
    out, state = np.empty((size, len(x))), State(np.empty(size), np.empty(size))
    for i in range(len(x)):
        observe(History(int(x[i]), recency[i], age[i], 0.0, 0.0), draws, state)
        out[:, i] = state.alive
    return out


_FLOWS: dict[str, Callable[[FloatArray, int], Flow]] = {
    BG_NBD: lambda draws, _: LeavingAfterPurchases(draws, may_leave_at_first=False),
    MBG_NBD: lambda draws, _: LeavingAfterPurchases(draws, may_leave_at_first=True),
    PARETO_NBD: lambda draws, _: LeavingAtAnyMoment(draws),
    BG_BB: LeavingBeforeOpportunities,
}


def flows_of(model: BtydModel, rfm: pa.Table, which: IntArray) -> tuple[list[Flow], IntArray]:
    """The purchase processes of a model's customers at some of its draws, and which of them is each customer's.

    Args:
        model: where customers differ by factors, each group that occurs has a process of its own.
        rfm: the customers, as the model reads them.
        which: places of the draws.

    Raises:
        FailedPrecondition: a family whose future cannot be scaled.
        InvalidInput: a column by which customers differ is missing.
    """
    if model.purchases not in _FLOWS:
        raise FailedPrecondition(f"{model.purchases} cannot be scaled (use a model of {', '.join(_FLOWS)})")
    if model.effects is None:
        return [_flow_of(model, which)], np.zeros(rfm.num_rows, dtype=np.int64)
    groups, of_row = groups_of(rfm, model.effects.factors)
    return [_flow_of(model.of_group(group), which) for group in groups], of_row


def _flow_of(model: BtydModel, which: IntArray) -> Flow:
    return _FLOWS[model.purchases](model.purchase_draws[which], model.period_days)
