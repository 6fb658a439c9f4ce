"""Pareto/NBD: purchases while alive are Poisson, a customer may drop out for good at any moment.

Rates vary over customers by Gamma(r, alpha), dropout rates by Gamma(s, beta), independently.

Sources: Schmittlein, Morrison, Colombo (1987), Management Science 33(1); Fader, Hardie (2005), "A Note on Deriving the
Pareto/NBD Model and Related Expressions" (FH). The ratio of dead to alive is taken from the integral that their 2F1
stand for (`decay_integral`), which neither overflows nor cancels: with R = r + x, A = alpha + t_x, B = beta + t_x,

    odds = s / B ((alpha + T) / A)^R ((beta + T) / B)^s I(R, s + 1, A, B, T - t_x).
"""

import math

import numba
import numpy as np
import numpy.typing as npt

from ltv.decay_integral import log_integral

FloatArray = npt.NDArray[np.float64]

SMALL = 1e-5


@numba.njit(nogil=True, cache=True, error_model="numpy")
def log_odds_of_dropout(
    params: tuple[float, float, float, float], x: float, recency: float, age: float, gradient: FloatArray
) -> float:
    """log (1 - P(alive)) / P(alive) at T; -inf for a customer seen today.

    Args:
        params: r, alpha, s, beta in the unit of time of the history.
        x: repeat purchases.
        recency: t_x.
        age: T.
        gradient: filled with the slopes in r, alpha, s, beta, shape (4,), unless its shape is (0,); of no meaning where
            the value is -inf.
    """
    r, alpha, s, beta = params
    a, b, span, shape = alpha + recency, beta + recency, age - recency, r + x
    log_of_area = log_integral((shape, s + 1.0), (a, b), span, gradient)
    log_a, log_b = math.log1p(span / a), math.log1p(span / b)
    if len(gradient) > 0:
        mean_a, mean_b, over_a, over_b = gradient[0], gradient[1], gradient[2], gradient[3]
        gradient[0] = log_a - mean_a
        gradient[1] = shape / a * (a / (a + span) - over_a)
        gradient[2] = 1.0 / s + log_b - mean_b
        gradient[3] = s / (b + span) - (s + 1.0) / b * over_b
    return math.log(s) - math.log(b) + shape * log_a + s * log_b + log_of_area


@numba.njit(nogil=True, cache=True, error_model="numpy")
def moments_of_life(s: float, beta: float, horizon: float) -> tuple[float, float]:
    """E min(life, h) and E min(life, h)^2 of a living customer whose life is Lomax(s, beta), stable at s = 1 and s = 2.

    Source of the first: FH eq. (27), as expm1(k l) / k with k = 1 - s and l = log(1 + h / beta).
    """
    level = math.log1p(horizon / beta)
    first = beta * _grown(1.0 - s, level)
    if horizon < 1e-4 * beta:
        return first, horizon * horizon * (1.0 - 2.0 / 3.0 * s * horizon / beta)
    return first, 2.0 * beta * (beta * _grown(2.0 - s, level) - first)


@numba.njit(nogil=True, error_model="numpy")
def _grown(k: float, level: float) -> float:
    """expm1(k l) / k, l at k = 0."""
    if abs(k * level) < SMALL:
        return level * (1.0 + 0.5 * k * level)
    return math.expm1(k * level) / k


@numba.njit(nogil=True, cache=True, error_model="numpy")
def moments_while_alive(
    draws: FloatArray, x: float, age: float, horizon: float, first: FloatArray, second: FloatArray
) -> None:
    """E N and E N^2 of purchases in (T, T + h] of a customer alive at T, under each draw, into (S,) and (S,).

    Given alive, rate Gamma(r + x, alpha + T) and life Lomax(s, beta + T) are independent, so E N is E rate times
    E min(life, h), and E N (N - 1) is E rate^2 times E min(life, h)^2. Source of E N: FH eq. (41) over P(alive).
    """
    for k in range(len(draws)):
        shape, scale = draws[k, 0] + x, draws[k, 1] + age
        life, square = moments_of_life(draws[k, 2], draws[k, 3] + age, horizon)
        first[k] = shape / scale * life
        second[k] = first[k] + shape * (shape + 1.0) / (scale * scale) * square
