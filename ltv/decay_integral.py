"""The integral behind the Pareto/NBD: of two power-law decays over a stretch of time, and its slopes.

    I(p, q, A, B, h) = integral from 0 to h of (A / (A + t))^p (B / (B + t))^q dt

is a difference of two 2F1 in closed form (Fader, Hardie 2005, "A Note on Deriving the Pareto/NBD Model"), each of which
overflows or loses all digits for large counts. Here it is a Gauss-Legendre sum of positive terms. The variable is
y = log(1 + t / min(A, B)): one decay is then an exponential, the other a smooth step whose singularities stay pi away
from the real line, whatever A / B. Where the integrand falls by more than e^-40 the sum ends there.
"""

import numba
import numpy as np
import numpy.typing as npt

from ltv.kernel_math import exp_of, log_of

FloatArray = npt.NDArray[np.float64]

FEW, MANY = 12, 24  # points: 1e-12 of the integral up to the limits below, and up to DEEPEST
EASY_FALL, EASY_REACH = 12.0, 2.5  # of the exponent, and of y, up to which FEW are enough
DEEPEST = 40.0


def _rule(points: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss-Legendre on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return 0.5 * (nodes + 1.0), 0.5 * weights


_FEW_NODES, _FEW_WEIGHTS = _rule(FEW)
_MANY_NODES, _MANY_WEIGHTS = _rule(MANY)
_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, error_model="numpy")
def log_integral(powers: tuple[float, float], scales: tuple[float, float], span: float, means: FloatArray) -> float:
    """log I; -inf over an empty span.

    Args:
        powers: p and q, not negative.
        scales: A and B, positive.
        span: h, 0 or more.
        means: filled, unless its shape is (0,), with the means under the normalised integrand of log(1 + t/A),
            log(1 + t/B), 1 / (1 + t/A), 1 / (1 + t/B), shape (4,).
    """
    if not span > 0.0:
        if len(means) > 0:
            means[0], means[1], means[2], means[3] = 0.0, 0.0, 1.0, 1.0
        return -np.inf
    p, q = powers
    least = min(scales[0], scales[1])
    a, b = least / scales[0], least / scales[1]
    reach = np.log1p(span / least)
    fall, slope = _exponent(reach, p, q, a, b)
    for _ in range(60):  # Newton from the right on a convex function: never too far to the left
        if fall <= DEEPEST + 4.0:
            break
        reach -= (fall - DEEPEST) / slope
        fall, slope = _exponent(reach, p, q, a, b)
    if fall <= EASY_FALL and reach <= EASY_REACH:
        total = _sum(_FEW_NODES, _FEW_WEIGHTS, (p, q, a, b, reach), means)
    else:
        total = _sum(_MANY_NODES, _MANY_WEIGHTS, (p, q, a, b, reach), means)
    return np.log(least * reach * total)


@numba.njit(nogil=True, error_model="numpy")
def _exponent(y: float, p: float, q: float, a: float, b: float) -> tuple[float, float]:
    """Minus the log of the integrand over y, and its slope."""
    grown = np.expm1(y)
    one, other = 1.0 + a * grown, 1.0 + b * grown
    value = p * np.log1p(a * grown) + q * np.log1p(b * grown) - y
    return value, (p * a / one + q * b / other) * (1.0 + grown) - 1.0


@numba.njit(nogil=True, fastmath=_FAST, error_model="numpy")
def _sum(
    nodes: FloatArray, weights: FloatArray, of: tuple[float, float, float, float, float], means: FloatArray
) -> float:
    """The sum over the nodes; `of` is p, q, a, b and the largest y."""
    p, q, a, b, reach = of
    total, log_a, log_b, over_a, over_b = 0.0, 0.0, 0.0, 0.0, 0.0
    if len(means) == 0:
        for j in range(len(nodes)):
            y = reach * nodes[j]
            grown = exp_of(y) - 1.0
            total += weights[j] * exp_of(y - p * log_of(1.0 + a * grown) - q * log_of(1.0 + b * grown))
        return total
    for j in range(len(nodes)):
        y = reach * nodes[j]
        grown = exp_of(y) - 1.0
        one, other = 1.0 + a * grown, 1.0 + b * grown
        log_one, log_other = log_of(one), log_of(other)
        term = weights[j] * exp_of(y - p * log_one - q * log_other)
        total += term
        log_a += term * log_one
        log_b += term * log_other
        over_a += term / one
        over_b += term / other
    means[0], means[1], means[2], means[3] = log_a / total, log_b / total, over_a / total, over_b / total
    return total
