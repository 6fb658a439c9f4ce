"""Draws from the posterior predictive by brute force, as the scorer's tests compare with: no formula of the scorer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import betaln

from ltv.model import BtydModel, FitDiagnostics, PartDiagnostics
from ltv.priors import FLAT, Priors
from ltv.scorer import Scorer
from tests.ltv.cdnow import CALIBRATION_END

FloatArray = npt.NDArray[np.float64]

HORIZONS_DAYS = (91, 182, 365)
PURCHASES = (0.2516, 4.789 * 7, 0.7235, 2.161)  # r, alpha in days, a, b: full CDNOW at its maximum
SPEND = (6.25, 3.74, 15.44)
CENTRES = {
    "bg_nbd": PURCHASES,
    "mbg_nbd": (0.525, 6.18 * 7, 0.891, 1.614),
    "pareto_nbd": (0.5532, 10.576 * 7, 0.606, 11.67 * 7),
    "bg_bb": (0.6, 6.0, 0.5, 8.0),  # a chance to buy each week
    "gamma_gamma": SPEND,
    "first_spend": (*SPEND, 3.0, 0.8),
}
History = tuple[int, float, float, float, float]  # x, t_x, T, mean repeat spend, first spend


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Independent draws of one customer's future, each (draws,)."""

    purchases: FloatArray
    value: FloatArray
    expected_value: FloatArray


def known_model(
    draws: int = 512, *, spread: float = 0.05, purchases: str = "bg_nbd", spend: str = "gamma_gamma"
) -> BtydModel:
    """Parameter draws around CDNOW's, log-normal with that sd: wider than the posterior of 23,570 customers."""
    random = np.random.default_rng(11)
    centre = np.array([*CENTRES[purchases], *CENTRES[spend]])
    noise = spread * random.standard_normal((draws, len(centre))) if draws > 1 else np.zeros((1, len(centre)))
    part = PartDiagnostics("map", None, None, None, None, None, (), ())
    around = centre * np.exp(noise)
    return BtydModel(
        purchase_draws=around[:, :4],
        spend_draws=around[:, 4:],
        purchases=purchases,
        spend=spend,
        period_days=7 if purchases == "bg_bb" else 1,
        diagnostics=FitDiagnostics("map", 1, 1, 1, part, part, ()),
        priors=Priors(FLAT, FLAT, 1.0, 1.0),
    )


def forecast(model: BtydModel, customers: pa.Table, horizons_days: Sequence[int] = HORIZONS_DAYS) -> pa.Table:
    """Forecasts of schemas.RFM rows, as one table of single chunks."""
    scorer = Scorer(model, horizons_days, CALIBRATION_END, seed=7)
    return pa.Table.from_batches(list(scorer.forecast(customers.combine_chunks().to_batches()))).combine_chunks()


def histories(customers: pa.Table) -> list[History]:
    """(x, t_x, T, m, y) of schemas.RFM rows."""
    names = ("frequency", "recency_days", "age_days", "repeat_spend_mean", "first_spend")
    return [tuple(row[name] for name in names) for row in customers.to_pylist()]


def simulate(model: BtydModel, history: History, horizon: float, draws: int, seed: int) -> Outcomes:
    """Draws of one customer's future, each with parameters drawn at random."""
    random = np.random.default_rng(seed)
    purchases = model.purchase_draws[random.integers(0, len(model.purchase_draws), draws)]
    spend = model.spend_draws[random.integers(0, len(model.spend_draws), draws)]
    return simulate_given(purchases, spend, history, horizon, random, process=model.purchases)


def simulate_given(
    purchases: FloatArray,
    spend: FloatArray,
    history: History,
    horizon: float,
    random: np.random.Generator,
    *,
    process: str = "bg_nbd",
) -> Outcomes:
    """Alive or not, rate, dropout, spend level, purchases and what they cost, for parameters (draws, k) each."""
    x, _, _, mean_spend, first = history
    count, expected_count = FUTURES[process](purchases, history, horizon, random)
    p, q, v = spend.T[:3]
    shape, rate = q + p * x, v + x * mean_spend
    if spend.shape[1] == 5 and first > 0:  # a first purchase is Gamma(f, w nu), on average `ratio` times a repeat one
        _, _, _, f, ratio = spend.T
        shape, rate = shape + f, rate + first * f / (ratio * p)
    level = random.gamma(shape) / rate  # nu; a purchase is Gamma(p, nu)
    value = np.where(count > 0, random.gamma(np.maximum(p * count, 1e-9)) / level, 0.0)
    return Outcomes(count.astype(np.float64), value, expected_count * p / level)


def _beta_dropout(
    purchases: FloatArray, history: History, horizon: float, random: np.random.Generator, *, first_may_be_last: bool
) -> tuple[FloatArray, FloatArray]:
    """Purchases to come and what the customer expects of them, each (draws,)."""
    x, recency, age, _, _ = history
    r, alpha, a, b = purchases.T
    outlived = x + first_may_be_last  # purchases that the customer may have dropped out after and had not, if alive
    odds_dead = 0.0 * r
    if outlived:
        odds_dead = a / (b + outlived - 1) * ((alpha + age) / (alpha + recency)) ** (r + x)
    alive = random.random(len(r)) < 1.0 / (1.0 + odds_dead)
    rate = random.gamma(r + x) / (alpha + age)
    drop = random.beta(a, b + outlived)
    rings, life = random.poisson(rate * horizon), random.geometric(np.maximum(drop, 1e-300))
    count = np.where(alive, np.minimum(rings, life), 0)
    return count, np.where(alive, -np.expm1(-rate * drop * horizon) / drop, 0.0)


def _gamma_life(
    purchases: FloatArray, history: History, horizon: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Purchases to come and what the customer expects of them, each (draws,)."""
    x, _, age, _, _ = history
    r, alpha, s, beta = purchases.T
    distinct, of_distinct = np.unique(purchases, axis=0, return_inverse=True)
    p_alive = _p_alive_of_gamma_life(distinct, history)[of_distinct.reshape(-1)]
    alive = random.random(len(r)) < p_alive
    rate = random.gamma(r + x) / (alpha + age)
    death = np.maximum(random.gamma(s) / (beta + age), 1e-300)
    life = np.minimum(random.exponential(size=len(r)) / death, horizon)
    count = np.where(alive, random.poisson(rate * life), 0)
    return count, np.where(alive, -np.expm1(-death * horizon) / death * rate, 0.0)


def _p_alive_of_gamma_life(purchases: FloatArray, history: History) -> FloatArray:
    """P(alive) under each set of parameters, (draws,): by a sum over a fine lattice."""
    x, recency, age, _, _ = history
    r, alpha, s, beta = purchases.T
    at = recency + (age - recency) * (np.arange(400) + 0.5)[:, None] / 400
    power = (r + x) * np.log((alpha + age) / (alpha + at)) + s * np.log((beta + age) / (beta + at))
    odds_dead = np.mean(np.exp(power) * s / (beta + at), axis=0) * (age - recency)
    return np.asarray(1.0 / (1.0 + odds_dead))


def _opportunities(
    purchases: FloatArray, history: History, horizon: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Purchases to come and what the customer expects of them, each (draws,): opportunity by opportunity, weeks."""
    x, recency, age, _, _ = history
    alpha, beta, gamma, delta = purchases.T
    n, last = round(age / 7), round(recency / 7)
    alive_now = np.exp(betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n))
    dead = sum(np.exp(betaln(alpha + x, beta + i - x) + betaln(gamma + 1, delta + i)) for i in range(last, n))
    alive = random.random(len(alpha)) < alive_now / (alive_now + dead)
    p, theta = random.beta(alpha + x, beta + n - x), random.beta(gamma, delta + n)
    count, expected, ahead = np.zeros(len(alpha)), np.zeros(len(alpha)), horizon / 7
    lives = alive.copy()
    for j in range(1, int(np.ceil(ahead)) + 1):
        part = min(1.0, ahead - (j - 1))  # of the period that lies within the horizon
        lives &= random.random(len(alpha)) >= theta
        count += lives & (random.random(len(alpha)) < p * part)
        expected += (1 - theta) ** j * p * part
    return count, np.where(alive, expected, 0.0)


FUTURES = {
    "bg_nbd": partial(_beta_dropout, first_may_be_last=False),
    "mbg_nbd": partial(_beta_dropout, first_may_be_last=True),
    "pareto_nbd": _gamma_life,
    "bg_bb": _opportunities,
}


def some_customers(customers: pa.Table, count: int) -> pa.Table:
    """Customers of every kind: a third without repeat purchases, a third with, a third with five or more."""
    random = np.random.default_rng(count)
    x = customers["frequency"].to_numpy()
    kinds = [np.flatnonzero(kind) for kind in (x == 0, (x > 0) & (x < 5), x >= 5)]
    chosen = [random.choice(kind, size=-(-count // 3), replace=False) for kind in kinds]
    return customers.take(pa.array(np.concatenate(chosen)[:count]))
