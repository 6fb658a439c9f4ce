"""What would change if customers left, bought or spent differently from tomorrow on: totals before and after, paired.

Every parameter draw is asked twice, as things are and as they would be, so the change is not blurred by what both
share. Only the future is scaled: who is still a customer, and what each has shown of rate and spend, stays as seen.

A customer alive with x repeat purchases by T has rate lambda ~ Gamma(r + x, alpha + T) and leaves after a purchase with
chance p ~ Beta(a, b + x) (MBG/NBD: b + x + 1). With p held the expected purchases within t are

    (1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p,

so a rate k times as high is a horizon k times as long, and leaving c times as easily is c p in place of p, at most 1.
Source: the integral over lambda of Fader, Hardie, Lee (2005), Marketing Science 24(2), eq. (10), before that over p.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import betaincinv, expit

from farview.core import columns as c
from farview.core.errors import InvalidInput, Violation
from ltv.families import BG_NBD, FIRST_SPEND, MBG_NBD
from ltv.model import BtydModel
from ltv.rows import check

FloatArray = npt.NDArray[np.float64]

DRAWS = 128  # of the model's, evenly taken
NODES = 24  # of the chance to leave, by Gauss-Legendre on its quantiles
CHUNK_ROWS = 256
MEASURES = (c.PURCHASES, c.VALUE)
LEAVE_AFTER_PURCHASES = (BG_NBD, MBG_NBD)


@dataclass(frozen=True, slots=True)
class Change:
    """What is scaled from tomorrow on; 1 leaves it as it is."""

    churn: float = 1.0  # times the chance to leave after a purchase, which is at most 1
    purchase_rate: float = 1.0  # times the purchases while a customer
    spend: float = 1.0  # times the amount of a purchase
    price: float = 1.0  # times the amount, and the rate by price^elasticity
    elasticity: float = 0.0  # of purchases with respect to price; -1.5: 1 % dearer, 1.5 % fewer

    def __post_init__(self) -> None:
        wrong = [
            Violation(field.name, f"must be a number of at least 0; got {value:g}")
            for field in fields(self)
            if field.name != "elasticity" and not ((value := getattr(self, field.name)) >= 0 and np.isfinite(value))
        ]
        if not np.isfinite(self.elasticity):
            wrong.append(Violation("elasticity", "must be a number"))
        if self.price == 0:
            wrong.append(Violation("price", "must be above 0 (scale purchases or spend instead)"))
        if wrong:
            raise InvalidInput(*wrong)

    @property
    def rate(self) -> float:
        """Times the purchases while a customer, price included."""
        return self.purchase_rate * self.price**self.elasticity

    @property
    def amount(self) -> float:
        """Times the amount of a purchase, price included."""
        return self.spend * self.price


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """Expected totals of all customers, draw by draw: purchases, then value; each shape (2, draws)."""

    before: FloatArray
    after: FloatArray


def effect(model: BtydModel, rfm: pa.Table, change: Change, chosen: npt.NDArray[np.bool_], horizon_days: int) -> Effect:
    """What a change for some customers does to the totals of all.

    Args:
        model: of the BG/NBD or MBG/NBD family.
        rfm: `schemas.RFM` of all customers.
        change: from the as-of day on.
        chosen: whom it concerns, shape (customers,).
        horizon_days: days after the as-of day, 1 or more.

    Returns:
        Draws carry what is unknown about the model's parameters, not the luck of single purchases.

    Raises:
        InvalidInput: a model of another family, impossible rows, an empty horizon, or `chosen` of another length.
    """
    if model.purchases not in LEAVE_AFTER_PURCHASES:
        raise InvalidInput.of(
            "model", f"{model.purchases} cannot be scaled (use one of {', '.join(LEAVE_AFTER_PURCHASES)})"
        )
    if horizon_days < 1:
        raise InvalidInput.of("horizon_days", f"must be 1 or more; got {horizon_days}")
    check(rfm)
    if chosen.shape != (rfm.num_rows,):
        raise InvalidInput.of("chosen", f"needs one entry for each of {rfm.num_rows:,} customers")
    names = (c.FREQUENCY, c.RECENCY_DAYS, c.AGE_DAYS, c.REPEAT_SPEND_MEAN, c.FIRST_SPEND)
    history = np.stack([rfm.column(name).to_numpy().astype(np.float64) for name in names])
    which = (
        np.linspace(0, len(model.purchase_draws) - 1, min(DRAWS, len(model.purchase_draws))).round().astype(np.int64)
    )
    laws = _Laws(model, which)
    sums = np.zeros((2, 2, len(which)))  # before and after, purchases and value
    for start in range(0, rfm.num_rows, CHUNK_ROWS):
        rows, some = history[:, start : start + CHUNK_ROWS], chosen[start : start + CHUNK_ROWS]
        alive, level = laws.alive(rows), laws.level(rows)
        before = alive * laws.purchases(rows, float(horizon_days), 1.0)
        after = before.copy()
        after[:, some] = alive[:, some] * laws.purchases(rows[:, some], horizon_days * change.rate, change.churn)
        amount = np.where(some, change.amount, 1.0)
        sums[0] += before.sum(axis=1), (before * level).sum(axis=1)
        sums[1] += after.sum(axis=1), (after * level * amount).sum(axis=1)
    return Effect(sums[0], sums[1])


class _Laws:
    """The two posteriors at some draws; rows are (x, t_x, T, mean repeat spend, first spend), shape (5, rows)."""

    def __init__(self, model: BtydModel, which: npt.NDArray[np.int64]) -> None:
        self._r, self._alpha, self._a, self._b = (column[:, None] for column in model.purchase_draws[which].T)
        self._p, self._q, self._v = (column[:, None] for column in model.spend_draws[which, :3].T)
        self._first = self._weight = np.zeros((len(which), 1))
        if model.spend == FIRST_SPEND:
            self._first, ratio = (column[:, None] for column in model.spend_draws[which, 3:5].T)
            self._weight = self._first / (ratio * self._p)
        self._may_leave_at_first = model.purchases == MBG_NBD
        points, weights = np.polynomial.legendre.leggauss(NODES)
        self._places, self._weights = (points + 1) / 2, weights / 2

    def alive(self, rows: FloatArray) -> FloatArray:
        """P(not left by T), shape (draws, rows)."""
        x, recency, age = rows[:3]
        waited = np.log1p(age / self._alpha) - np.log1p(recency / self._alpha)
        left = self._b + x - (0.0 if self._may_leave_at_first else 1.0)
        possible = (x > 0) | self._may_leave_at_first
        odds = np.log(self._a) - np.log(np.where(possible, left, 1.0)) + (self._r + x) * waited
        return np.asarray(expit(-np.where(possible, odds, -np.inf)))

    def level(self, rows: FloatArray) -> FloatArray:
        """Expected spend of a purchase, shape (draws, rows); see `ltv.gamma_gamma` and `ltv.first_spend`."""
        x, mean, first = rows[0], rows[3], rows[4]
        bought = np.where(mean > 0, x, 0.0)
        shape = self._q + self._p * bought + np.where(first > 0, self._first, 0.0)
        return np.asarray(self._p * (self._v + bought * mean + self._weight * np.maximum(first, 0.0)) / (shape - 1.0))

    def purchases(self, rows: FloatArray, days: float, churn: float) -> FloatArray:
        """Expected purchases of the living within so many days at the rate seen, shape (draws, rows)."""
        x, age = rows[0], rows[2]
        distinct, place = np.unique(x, return_inverse=True)
        stayed = self._b + distinct + (1.0 if self._may_leave_at_first else 0.0)
        leave = betaincinv(self._a[..., None], stayed[..., None], self._places)  # (draws, distinct, nodes)
        leave = np.clip(churn * leave, 1e-12, 1.0)[:, place]
        rate, power = (self._alpha + age)[..., None], (self._r + x)[..., None]
        return np.asarray(-np.expm1(-power * np.log1p(leave * days / rate)) / leave @ self._weights)
