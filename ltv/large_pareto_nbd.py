"""Pareto/NBD customers who may buy thousands of times: moments and law of the count, for any size."""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from ltv.count_law import CountLaw
from ltv.few_draws import few_draws
from ltv.kernel_pareto_nbd import ParetoNbd, _bought_by
from ltv.kernel_purchases import History
from ltv.pareto_nbd import moments_while_alive

FloatArray = npt.NDArray[np.float64]

DRAWS = 32  # parameter draws that the law's shape is averaged over; its moments use all
LIVES = 16  # equal parts of those who die within the horizon, each with its mean life
LONG_LIVES = 8  # parts of the last of these, equal in the logarithm of beta + T + life: it has most of the purchases


def moments(history: History, horizon: float, draws: ParetoNbd) -> tuple[FloatArray, FloatArray]:
    """E N and E N^2 of a living customer under each draw, (S,)."""
    first, second = np.empty((2, len(draws.draws)))
    moments_while_alive(draws.draws, float(history.x), history.age, horizon, first, second)
    return first, second


def law(history: History, horizon: float, alive: FloatArray, draws: ParetoNbd) -> CountLaw:
    """P(N >= n) = P(alive) E P(K_t >= n): the clock stops at the end of the horizon, or of a life that ends sooner."""
    expected = alive * moments(history, horizon, draws)[0]
    some, weight = few_draws(expected, DRAWS)
    r, alpha, s, beta = (column[some, None] for column in draws.draws.T)
    shape, a, b = r + history.x, alpha + history.age, beta + history.age
    lives, of_lives = _lives(s, b, horizon)
    stops = np.concatenate([np.full_like(b, horizon), lives], axis=1)[:, :, None]
    share = np.concatenate([np.exp(-s * np.log1p(horizon / b)), of_lives], axis=1)[:, :, None]
    z = stops / (a[:, :, None] + stops)
    living = weight * alive[some]

    def at_least(n: FloatArray) -> FloatArray:
        return np.asarray(living @ (share * betainc(n, shape[:, :, None], z)).sum(axis=1))

    mean = shape * horizon / a
    sd = np.sqrt(mean * (1.0 + horizon / a))
    bulk = float(np.min(mean - 6.0 * sd)), float(np.max(mean + 6.0 * sd))
    bought = np.mean(alive * [_bought_by(at, history, horizon) for at in draws.draws])
    return CountLaw.of(at_least, bulk, float(bought)).with_mean(float(expected.mean()))


def _lives(s: FloatArray, b: FloatArray, horizon: float) -> tuple[FloatArray, FloatArray]:
    """Lives of Lomax(s, b) that end within the horizon, in cells: the mean of each and its probability, (S, cells).

    As purchases grow in proportion to the life, the means of the cells keep the mean of the count.
    """
    reach = np.log1p(horizon / b)  # in y = log(1 + life / b), where life is exponential with rate s
    dies = -np.expm1(-s * reach)
    early = -np.log1p(-dies * np.arange(LIVES) / LIVES) / s
    late = early[:, -1:] + (reach - early[:, -1:]) * np.arange(1, LONG_LIVES + 1) / LONG_LIVES
    edges = np.concatenate([np.minimum(early, reach), late], axis=1)
    low, width = edges[:, :-1], np.diff(edges, axis=1)
    probability = np.exp(-s * low) * -np.expm1(-s * width)
    # E e^y in a cell is s e^low expm1((1 - s) width) / (1 - s), given y's law there, over the same with e^0.
    k = np.where(np.abs(1.0 - s) * width < 1e-6, 1e-6 / np.maximum(width, 1e-12), 1.0 - s)
    grown = s * np.expm1(k * width) / k / np.maximum(-np.expm1(-s * width), 1e-300)
    mean = b * np.expm1(low + np.log(np.maximum(grown, 1.0)))
    return np.clip(mean, b * np.expm1(low), b * np.expm1(low + width)), probability
