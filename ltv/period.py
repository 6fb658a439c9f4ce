"""What periods share that no customer's law knows: a season that is better or worse than the ones before for everybody.

Parameters and the luck of customers explain how far the total of many customers lies from its forecast only in part;
divided by so many, both all but vanish. What is left is a factor that all customers of a period share, log-normal with
mean 1, whose spread the totals at origins of the past tell. They are few, so what they leave unknown of the spread
counts too: the predictive law of the next period's log factor is Student's t (Gelman et al. (2013), Bayesian Data
Analysis, 3.2, by the scaled inverse chi-squared prior). The normal law that stands for it has its central 90 %
interval.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from farview.core.randomness import generator

FloatArray = npt.NDArray[np.float64]

BELIEVED = 0.05  # the spread believed beforehand: totals 5 % off
BELIEVED_ORIGINS = 2.0  # as many origins as that counts for
UPPER = 0.95  # level at which the normal law and Student's agree
TOTAL_DRAWS = 512


def period_sd(actual: Sequence[float], draws: Sequence[FloatArray]) -> float:
    """Standard deviation of the log factor that the next period shares.

    From the mean square of log actual / forecast over the origins, less what the totals' own draws explain of it. A
    model that is always too low is as uncertain by it as one that is low and high by turns.

    Args:
        actual: total of each origin's target; origins at which nothing came or was forecast tell nothing. Targets must
            not overlap, or they count for more than they say.
        draws: of that total, as forecast without a shared factor.
    """
    unexplained, count = 0.0, BELIEVED_ORIGINS
    for came, forecast in zip(actual, draws, strict=True):
        if came > 0.0 and np.all((forecast > 0.0) & np.isfinite(forecast)):
            logs = np.log(forecast)
            unexplained += (np.log(came) - float(logs.mean())) ** 2 - float(logs.var())
            count += 1.0
    squares = BELIEVED_ORIGINS * BELIEVED**2 + max(unexplained, 0.0)
    return float(np.sqrt(squares / count) * stdtrit(count, UPPER) / ndtri(UPPER))


def period_factors(sd: float, count: int, seed: int) -> FloatArray:
    """Draws of the factor, (count,), whose mean is 1; stratified, in random order."""
    random = generator(seed, "period")
    levels = (random.permutation(count) + random.random(count)) / count
    factors = np.exp(sd * ndtri(levels))
    return np.asarray(factors / factors.mean())


def sharing_a_period(totals: FloatArray, sd: float, seed: int) -> FloatArray:
    """Draws of totals by parameter draw, (..., S), as 512 times a factor that all of them share, (..., 512).

    The k-th is of parameter draw k modulo S, so that even one parameter draw has all that a period may bring.
    """
    return np.asarray(totals[..., np.arange(TOTAL_DRAWS) % totals.shape[-1]] * period_factors(sd, TOTAL_DRAWS, seed))
