"""Pareto/NBD customers who may buy thousands of times: moments and law of the count, for any size."""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from ltv.count_law import CountLaw
from ltv.kernel_pareto_nbd import ParetoNbd, _bought_by
from ltv.kernel_purchases import History
from ltv.pareto_nbd import moments_while_alive

FloatArray = npt.NDArray[np.float64]

DRAWS = 32  # parameter draws that the law's shape is averaged over; its moments use all
LIVES = 24  # lengths of life that it is averaged over


def moments(history: History, horizon: float, draws: ParetoNbd) -> tuple[FloatArray, FloatArray]:
    """E N and E N^2 of a living customer under each draw, (S,)."""
    first, second = np.empty((2, len(draws.draws)))
    moments_while_alive(draws.draws, float(history.x), history.age, horizon, first, second)
    return first, second


def law(history: History, horizon: float, alive: FloatArray, draws: ParetoNbd) -> CountLaw:
    """P(N >= n) = P(alive) E P(K_t >= n): the clock stops at the end of the horizon, or of a life that ends sooner."""
    some = slice(None, None, max(1, len(draws.draws) // DRAWS))
    r, alpha, s, beta = (column[some, None, None] for column in draws.draws.T)
    shape, a, b = r + history.x, alpha + history.age, beta + history.age
    dies = -np.expm1(-s * np.log1p(horizon / b))  # within the horizon
    among = (np.arange(LIVES)[None, :, None] + 0.5) / LIVES
    life = b * np.expm1(-np.log1p(-among * dies) / s)
    stops = np.concatenate([np.broadcast_to(horizon, dies.shape), np.minimum(life, horizon)], axis=1)
    share = np.concatenate([1.0 - dies, np.broadcast_to(dies / LIVES, life.shape)], axis=1)
    z = stops / (a + stops)
    living = alive[some, None]

    def at_least(n: FloatArray) -> FloatArray:
        return np.asarray((living * (share * betainc(n, shape, z)).sum(axis=1)).mean(axis=0))

    mean = shape * horizon / a
    sd = np.sqrt(mean * (1.0 + horizon / a))
    exact = np.mean(alive * [_bought_by(at, history, horizon) for at in draws.draws])
    return CountLaw.of(at_least, (float(np.min(mean - 6.0 * sd)), float(np.max(mean + 6.0 * sd))), float(exact))
