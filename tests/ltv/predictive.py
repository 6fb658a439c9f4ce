"""Draws from the posterior predictive by brute force, as the scorer's tests compare with: no formula of the scorer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ltv.model import BgNbdModel, FitDiagnostics, PartDiagnostics
from ltv.priors import FLAT, Priors
from ltv.scorer import Scorer
from tests.ltv.cdnow import CALIBRATION_END

FloatArray = npt.NDArray[np.float64]

HORIZONS_DAYS = (91, 182, 365)
PURCHASES = (0.2516, 4.789 * 7, 0.7235, 2.161)  # r, alpha in days, a, b: full CDNOW at its maximum
SPEND = (6.25, 3.74, 15.44)
History = tuple[int, float, float, float]  # x, t_x, T, mean repeat spend


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Independent draws of one customer's future, each (draws,)."""

    purchases: FloatArray
    value: FloatArray
    expected_value: FloatArray


def known_model(draws: int = 512, *, spread: float = 0.05) -> BgNbdModel:
    """Parameter draws around CDNOW's, log-normal with that sd: wider than the posterior of 23,570 customers."""
    random = np.random.default_rng(11)
    noise = spread * random.standard_normal((draws, 7)) if draws > 1 else np.zeros((1, 7))
    part = PartDiagnostics("map", None, None, None, None, None, (), ())
    return BgNbdModel(
        purchase_draws=np.array(PURCHASES) * np.exp(noise[:, :4]),
        spend_draws=np.array(SPEND) * np.exp(noise[:, 4:]),
        diagnostics=FitDiagnostics("map", 1, 1, 1, part, part, ()),
        priors=Priors(FLAT, FLAT, 1.0, 1.0),
    )


def forecast(model: BgNbdModel, customers: pa.Table, horizons_days: Sequence[int] = HORIZONS_DAYS) -> pa.Table:
    """Forecasts of schemas.RFM rows, as one table of single chunks."""
    scorer = Scorer(model, horizons_days, CALIBRATION_END, seed=7)
    return pa.Table.from_batches(list(scorer.forecast(customers.combine_chunks().to_batches()))).combine_chunks()


def histories(customers: pa.Table) -> list[History]:
    """(x, t_x, T, m) of schemas.RFM rows."""
    names = ("frequency", "recency_days", "age_days", "repeat_spend_mean")
    return [tuple(row[name] for name in names) for row in customers.to_pylist()]


def simulate(model: BgNbdModel, history: History, horizon: float, draws: int, seed: int) -> Outcomes:
    """Draws of one customer's future, each with parameters drawn at random."""
    random = np.random.default_rng(seed)
    purchases = model.purchase_draws[random.integers(0, len(model.purchase_draws), draws)]
    spend = model.spend_draws[random.integers(0, len(model.spend_draws), draws)]
    return simulate_given(purchases, spend, history, horizon, random)


def simulate_given(
    purchases: FloatArray, spend: FloatArray, history: History, horizon: float, random: np.random.Generator
) -> Outcomes:
    """Alive or not, rate, dropout, spend level, purchases and what they cost, for parameters (draws, 4), (draws, 3)."""
    x, recency, age, mean_spend = history
    r, alpha, a, b = purchases.T
    p, q, v = spend.T
    odds_dead = a / (b + max(x - 1, 0)) * ((alpha + age) / (alpha + recency)) ** (r + x) if x else 0.0 * r
    alive = random.random(len(r)) < 1.0 / (1.0 + odds_dead)
    rate = random.gamma(r + x) / (alpha + age)
    drop = random.beta(a, b + x)
    level = random.gamma(q + p * x) / (v + x * mean_spend)  # nu; a purchase is Gamma(p, nu)
    rings, life = random.poisson(rate * horizon), random.geometric(np.maximum(drop, 1e-300))
    count = np.where(alive, np.minimum(rings, life), 0)
    value = np.where(count > 0, random.gamma(np.maximum(p * count, 1e-9)) / level, 0.0)
    expected = np.where(alive, -np.expm1(-rate * drop * horizon) / drop * p / level, 0.0)
    return Outcomes(count.astype(np.float64), value, expected)


def some_customers(customers: pa.Table, count: int) -> pa.Table:
    """Customers of every kind: a third without repeat purchases, a third with, a third with five or more."""
    random = np.random.default_rng(count)
    x = customers["frequency"].to_numpy()
    kinds = [np.flatnonzero(kind) for kind in (x == 0, (x > 0) & (x < 5), x >= 5)]
    chosen = [random.choice(kind, size=-(-count // 3), replace=False) for kind in kinds]
    return customers.take(pa.array(np.concatenate(chosen)[:count]))
