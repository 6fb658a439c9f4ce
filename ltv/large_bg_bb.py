"""BG/BB customers who may buy thousands of times, or have thousands of opportunities: moments and law of the count."""

import numba
import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv, betaln

from ltv.count_law import CountLaw
from ltv.few_draws import few_draws
from ltv.kernel_bg_bb import BgBb, first_purchase, opportunities
from ltv.kernel_purchases import History, State

FloatArray = npt.NDArray[np.float64]

DRAWS = 16  # parameter draws that the law's shape is averaged over; its moments use all
LIVES = 24  # cells of the opportunities that are lived through, each stood for by its mean
CHANCES = 8  # of the chance to buy, by Gauss-Legendre on its quantiles


def moments(history: History, horizon: float, draws: BgBb) -> tuple[FloatArray, FloatArray]:
    """E N and E N^2 of a living customer under each draw, (S,); see `kernel_bg_bb`."""
    first, second = np.empty((2, len(draws.draws)))
    _moments(history, horizon, draws, first, second)
    return first, second


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _moments(history: History, horizon: float, draws: BgBb, first: FloatArray, second: FloatArray) -> None:
    ahead, last = opportunities(horizon, draws.period_days)
    n = round(history.age / draws.period_days)
    for k in range(len(draws.draws)):
        alpha, beta, gamma, delta = draws.draws[k, 0], draws.draws[k, 1], draws.draws[k, 2], draws.draws[k, 3] + n
        stay, once, twice = 1.0, 0.0, 0.0
        for j in range(1, ahead + 1):
            stay *= (delta + j - 1.0) / (gamma + delta + j - 1.0)
            part = stay * last if j == ahead else stay
            once += part
            twice += (j - 1.0) * part
        a, both = alpha + history.x, alpha + beta + n
        first[k] = once * a / both
        second[k] = first[k] + 2.0 * twice * a / both * (a + 1.0) / (both + 1.0)


def law(history: History, horizon: float, alive: FloatArray, draws: BgBb) -> CountLaw:
    """P(N >= k) = P(alive) E P(Binomial(opportunities lived through, p) >= k)."""
    expected = alive * moments(history, horizon, draws)[0]
    some, weight = few_draws(expected, DRAWS)
    n = round(history.age / draws.period_days)
    alpha, beta, gamma, delta = (column[some, None] for column in draws.draws.T)
    ahead = horizon / draws.period_days
    lived, share = _lives(gamma, delta + n, ahead)
    points, weights = np.polynomial.legendre.leggauss(CHANCES)
    a, b = alpha + history.x, beta + (n - history.x)
    p = betaincinv(a, b, (points + 1.0) / 2.0)[:, :, None, None]  # (draws, chances, 1, 1)
    living = weight * alive[some]

    def at_least(k: FloatArray) -> FloatArray:
        trials = lived[:, None, :, None] - k + 1.0  # (draws, 1, lives, k)
        # A life of between k - 1 and k opportunities stands for some of either.
        reached = betainc(k, np.maximum(trials, 1.0), p) * np.clip(trials, 0.0, 1.0)  # (draws, chances, lives, k)
        of_chances = np.tensordot(weights / 2.0, reached, axes=([0], [1]))
        return np.asarray(living @ (share[:, :, None] * of_chances).sum(axis=1))

    mean = a / (a + b) * ahead
    sd = np.sqrt(mean * (1.0 + ahead / (a + b)))
    bulk = float(np.min(mean - 6.0 * sd)), float(np.max(mean + 6.0 * sd))
    every = State(np.zeros_like(alive), alive)
    bought = float(first_purchase(history, horizon, every, draws, 1).sum())
    return CountLaw.of(at_least, bulk, bought).with_mean(float(expected.mean()))


def _lives(gamma: FloatArray, delta: FloatArray, ahead: float) -> tuple[FloatArray, FloatArray]:
    """Opportunities lived through, in cells: their mean in each and its probability under each draw, (draws, lives).

    As purchases grow in proportion to them, the means of the cells keep that of the count given the chance to buy.
    """
    edges = np.unique(np.round(np.geomspace(1.0, ahead + 1.0, LIVES)) - 1.0)
    edges[-1] = ahead
    every = np.append(np.arange(np.ceil(ahead)), ahead)
    stay = np.exp(betaln(gamma, delta + every) - betaln(gamma, delta))
    at = np.searchsorted(every, edges)
    share = -np.diff(stay[:, at], axis=1)
    # The sum over the cell [e, f) of j P(j) is e S(e) - f S(f) + S(e + 1) + ... + S(f), where S(j) = P(j or more).
    summed = np.cumsum(stay * np.diff(every, prepend=0.0), axis=1)
    whole = -np.diff(edges * stay[:, at], axis=1) + np.diff(summed[:, at], axis=1)
    mean = np.clip(whole / np.maximum(share, 1e-300), edges[:-1], edges[1:])
    lived = np.concatenate([mean, np.full((len(mean), 1), ahead)], axis=1)
    return lived, np.concatenate([share, stay[:, -1:]], axis=1)
