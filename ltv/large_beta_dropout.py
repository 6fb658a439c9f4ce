"""BG/NBD and MBG/NBD customers who may buy thousands of times: moments and law of the count, for any size."""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln

from ltv.count_law import CountLaw
from ltv.few_draws import few_draws
from ltv.kernel_beta_dropout import BetaDropout
from ltv.kernel_purchases import History

FloatArray = npt.NDArray[np.float64]

DRAWS = 64  # parameter draws that the law's shape is averaged over; its moments use all
STEP = 0.3  # of the trapezium rule in the logit of the dropout probability: converges like e^(-9.9 / step)


def moments(history: History, horizon: float, draws: BetaDropout) -> tuple[FloatArray, FloatArray]:
    """E N and E N^2 of a living customer under each draw, (S,).

    Given rate lambda and dropout probability p, with z = lambda p h: E N = (1 - e^-z) / p and
    E N (N - 1) = 2 (1 - p) (1 - (1 + z) e^-z) / p^2. Averaged over lambda ~ Gamma(k, beta) in closed form
    (E e^-z = (1 + p h / beta)^-k) and over p ~ Beta(a, b + x) by the trapezium rule in y = logit p.
    """
    a, b = draws.a[:, None], draws.b[:, None] + history.x
    k, clock = draws.r[:, None] + history.x, horizon / (draws.alpha[:, None] + history.age)
    y = np.arange(-25.0 - np.log(1.0 + b.max() + (k * clock).max()), 25.0, STEP)
    log_p, log_rest = -np.logaddexp(0.0, -y), -np.logaddexp(0.0, y)
    weight = STEP * np.exp(a * log_p + b * log_rest - betaln(a, b))
    # Beyond both ends only the weight changes, geometrically.
    weight[:, 0] /= -np.expm1(-a[:, 0] * STEP)
    weight[:, -1] /= -np.expm1(-b[:, 0] * STEP)
    p = np.exp(log_p)
    rung = p * clock
    lost = k * np.log1p(rung)
    first = -np.expm1(-lost) / p
    mean_z = k * rung
    small = mean_z < 1e-4
    twice = np.where(
        small,
        mean_z * (k + 1.0) * rung * (0.5 - (k + 2.0) * rung / 3.0),
        -np.expm1(-lost) - mean_z * np.exp(-lost - np.log1p(rung)),
    )
    pairs = 2.0 * np.exp(log_rest) * twice / (p * p)
    mean = (weight * first).sum(axis=1)
    return mean, mean + (weight * pairs).sum(axis=1)


def law(history: History, horizon: float, alive: FloatArray, draws: BetaDropout) -> CountLaw:
    """P(N >= n) = P(alive) E(1 - p)^(n - 1) P(K >= n), with P(K >= n) an incomplete beta function."""
    expected = alive * moments(history, horizon, draws)[0]
    some, weight = few_draws(expected, DRAWS)
    x = history.x
    shape, a, b = draws.r[some, None] + x, draws.a[some, None], draws.b[some, None] + x
    z = horizon / (draws.alpha[some, None] + history.age + horizon)
    living = alive[some, None]

    def at_least(n: FloatArray) -> FloatArray:
        stay = np.exp(betaln(a, b + n - 1.0) - betaln(a, b))
        return np.asarray(weight @ (living * stay * betainc(n, shape, z)))

    mean = shape * z / (1.0 - z)
    sd = np.sqrt(mean / (1.0 - z))
    bulk = float(np.min(mean - 6.0 * sd)), float(np.max(mean + 6.0 * sd))
    bought = np.mean(alive * -np.expm1((draws.r + x) * np.log1p(-horizon / (draws.alpha + history.age + horizon))))
    return CountLaw.of(at_least, bulk, float(bought)).with_mean(float(expected.mean()))
