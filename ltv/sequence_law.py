"""What a sequence network says of a customer: the laws of purchases and of value at any horizon, from a few numbers.

With u the horizon in units of the model's reference, every customer has

    E N(u) = rate ((1 + u)^bend - 1) / bend,    bend < 1: purchases thin out as time passes (Box, Cox, 1964),
    N(u) = 0 with probability 1 - active, else negative binomial with mean E N(u) / active and shape `shape`,
    V given N > 0: lognormal with mean spend E(N | N > 0) and the variance of N purchases of one level of spend,

so that expected purchases and value add up over intervals and grow with the horizon, P(no purchase) falls, and one
customer's laws at two horizons belong together. The lognormal with its mass at 0 is that of Wang, Liu, Miao (2019),
"A deep probabilistic model for customer lifetime value prediction", arXiv:1912.07753; the counts are theirs in spirit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from ltv.returns import LEAST_KEPT

FloatArray = npt.NDArray[np.float64]

OUTPUTS = ("log_rate", "thinning", "active_logit", "log_shape", "log_spend", "purchase_variation", "level_variation",
           "returned_logit")  # fmt: skip
"""What a network puts out for a customer, in this order; see `read_outputs`."""

LEAST = 1e-6
MOST_BEND = 4.0  # how far below 1 the bend may lie
LOG_LIMIT = 12.0  # of logarithms of rates, shapes and spends: six times ten to the fifth either way


@dataclass(frozen=True, slots=True, eq=False)
class Laws:
    """Each (rows,); spend in the reporting currency."""

    rate: FloatArray  # expected purchases a reference, at first
    bend: FloatArray  # 1: the same for ever; below 0 their number is bounded
    active: FloatArray  # probability of being one who may buy at all
    shape: FloatArray  # of the gamma law of active customers' rates
    spend: FloatArray  # expected gross value of a purchase day
    purchase_variation: FloatArray  # squared coefficient of variation from one purchase to the next
    level_variation: FloatArray  # of the customer's own level of spend
    kept: FloatArray  # share of gross value that does not come back


def read_outputs(outputs: FloatArray, money: float) -> Laws:
    """Outputs of a network, (rows, len(OUTPUTS)), as laws; `money` is what amounts were divided by in training."""
    log_rate, thinning, active, log_shape, log_spend, purchase, level, returned = outputs.T
    return Laws(
        rate=np.exp(np.clip(log_rate, -LOG_LIMIT, LOG_LIMIT)),
        bend=1.0 - np.minimum(_softplus(thinning), MOST_BEND),
        active=np.clip(_sigmoid(active), LEAST, 1.0),
        shape=np.exp(np.clip(log_shape, -LOG_LIMIT, LOG_LIMIT)),
        spend=money * np.exp(np.clip(log_spend, -LOG_LIMIT, LOG_LIMIT)),
        purchase_variation=_softplus(purchase) + LEAST,
        level_variation=_softplus(level) + LEAST,
        kept=np.maximum(1.0 - _sigmoid(returned), LEAST_KEPT),
    )


def expected_purchases(laws: Laws, u: FloatArray) -> FloatArray:
    """E N at horizons u (in references), (rows, H)."""
    bend = np.where(np.abs(laws.bend) < LEAST, LEAST, laws.bend)[:, None]
    return np.asarray(laws.rate[:, None] * np.expm1(bend * np.log1p(u)) / bend)


def p_none(laws: Laws, expected: FloatArray) -> FloatArray:
    """P(N = 0) where the expected number is so much, (rows, H)."""
    active, shape = laws.active[:, None], laws.shape[:, None]
    return np.asarray(1.0 + active * np.expm1(-shape * np.log1p(expected / (active * shape))))


def second_moment(laws: Laws, expected: FloatArray) -> FloatArray:
    """E N^2, (rows, H)."""
    return np.asarray(expected + expected**2 * (1.0 + 1.0 / laws.shape[:, None]) / laws.active[:, None])


def value_variation(laws: Laws, expected: FloatArray, some: FloatArray) -> FloatArray:
    """Squared coefficient of variation of value given a purchase, (rows, H).

    Args:
        laws: of the customers.
        expected: E N.
        some: P(N > 0).
    """
    first, second = expected / some, second_moment(laws, expected) / some
    spread = (second + laws.purchase_variation[:, None] * first) / first**2
    return np.asarray((1.0 + laws.level_variation[:, None]) * np.maximum(spread, 1.0) - 1.0)


def own_level(laws: Laws) -> FloatArray:
    """Shape of the gamma law of an active customer's own rate times own level of spend, (rows,).

    The product of the two is taken as a gamma law with its variance.
    """
    rate, level = 1.0 / laws.shape, laws.level_variation
    return np.asarray(1.0 / (rate + level + rate * level))


def own_variation(laws: Laws) -> FloatArray:
    """Coefficient of variation of the customer's own expected value, (rows,): what is not known of the customer."""
    return np.asarray(np.sqrt((1.0 + 1.0 / own_level(laws)) / laws.active - 1.0))


def own_quantiles(laws: Laws, levels: FloatArray) -> FloatArray:
    """Quantiles of the customer's own expected value over its mean, (rows, levels)."""
    inside = (levels - (1.0 - laws.active[:, None])) / laws.active[:, None]
    shape = own_level(laws)[:, None]
    factor = gammaincinv(shape, np.clip(inside, 0.0, 1.0)) / shape / laws.active[:, None]
    return np.where(inside > 0.0, factor, 0.0)


def median_wait(laws: Laws, longest: float) -> FloatArray:
    """When half of the probability of a purchase within `longest` (in references) has passed, (rows,), same unit."""
    within = 1.0 - p_none(laws, expected_purchases(laws, np.array([longest])))[:, 0]
    # Backwards through P(N > 0) = active (1 - (1 + m / (active shape))^-shape), then through the curve of m.
    share = np.minimum(0.5 * within / laws.active, 1.0 - 1e-12)
    expected = laws.active * laws.shape * np.expm1(-np.log1p(-share) / laws.shape)
    bend = np.where(np.abs(laws.bend) < LEAST, LEAST, laws.bend)
    grown = np.maximum(bend * expected / laws.rate, -1.0 + 1e-12)
    return np.asarray(np.clip(np.expm1(np.log1p(grown) / bend), 0.0, longest))


def _softplus(x: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, x))


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)))
