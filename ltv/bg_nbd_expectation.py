"""Expected purchases of a living BG/NBD customer, stable at a = 1, for large counts and for long horizons.

A customer known to be alive has rate Gamma(r, alpha) and dropout probability p ~ Beta(a, b): posterior shapes r + x,
alpha + T, a, b + x. With the rate integrated out,

    E N = E_p [(1 - (1 + p h / alpha)^-r) / p].                                                             (1)

FHL (2005) eq. (10) over P(alive) is this in closed form. As printed it divides by a - 1 and subtracts nearly equal
numbers; after Euler's transformation of its 2F1, with e = a - 1, C = a + b - 1 and z = h / (alpha + h), it is

    E N = -C expm1(e log(1 - z)) / e - (1 - z)^e sum_{k >= 1} (C - r)_k (1 + e)_{k-1} z^k / ((C + 1)_{k-1} k!).  (2)

Where (2) cancels (r much greater than C, or a huge) or converges slowly (z near 1), (1) is integrated by the trapezoid
rule in log p/(1-p), which converges geometrically.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

TOLERANCE = 1e-16
LONGEST_HORIZON = 100.0  # in units of alpha, for the series
STEP = 0.4  # the integrand is analytic to +-i pi: an error of exp(-2 pi^2 / .4)


@numba.njit(cache=True, nogil=True)
def expected_purchases_while_alive(r: float, alpha: float, a: float, b: float, horizon: float) -> float:
    """E N in a horizon, given alive now with posterior shapes r, alpha, a, b > 0; alpha and horizon in one unit."""
    if not (r > 0.0 and alpha > 0.0 and a > 0.0 and b > 0.0 and r + alpha + a + b + horizon < math.inf):
        return math.nan
    if horizon <= 0.0:
        return 0.0
    log_rest = -math.log1p(horizon / alpha)  # log(1 - z), exact for small and large z
    benign = abs(a + b - 1.0 - r) <= a + b and abs((a - 1.0) * log_rest) < 100.0
    if benign and horizon < LONGEST_HORIZON * alpha:
        return _series(r, a, b, horizon / (alpha + horizon), log_rest)
    return _integral(r, a, b, horizon / alpha)


@numba.njit(cache=True, nogil=True)
def _series(r: float, a: float, b: float, z: float, log_rest: float) -> float:
    """Form (2)."""
    e = a - 1.0
    c = a + b - 1.0
    term = (c - r) * z
    total = term
    k = 1.0
    while True:
        ratio = (c - r + k) * (e + k) / ((c + k) * (k + 1.0)) * z
        term *= ratio
        total += term
        k += 1.0
        if abs(term) <= TOLERANCE * abs(total) * (1.0 - z) and abs(ratio) < 1.0:
            break
    first = -math.expm1(e * log_rest) / e if abs(e * log_rest) > 1e-300 else -log_rest
    return c * first - math.exp(e * log_rest) * total


@numba.njit(cache=True, nogil=True)
def _integral(r: float, a: float, b: float, ratio: float) -> float:
    """Form (1), ratio = h / alpha; the sum of the weights normalises, so no Beta function is needed."""
    centre = math.log(a / b)
    step = min(STEP, 0.5 * math.sqrt(1.0 / a + 1.0 / b))
    peak = -a * math.log1p(math.exp(-centre)) - b * math.log1p(math.exp(centre))
    weights, total = 0.0, 0.0
    for direction in (-1.0, 1.0):
        t = centre if direction < 0 else centre + step
        while True:
            log_p, log_rest = -math.log1p(math.exp(-t)), -math.log1p(math.exp(t))
            p = math.exp(log_p)
            weight = math.exp(a * log_p + b * log_rest - peak)
            value = -math.expm1(-r * math.log1p(p * ratio)) / p
            weights += weight
            total += weight * value
            flat = p * ratio * (r + 1.0) < TOLERANCE if direction < 0 else log_rest < -40.0
            if flat:  # all further terms are a geometric series
                rest = weight / math.expm1((a if direction < 0 else b) * step)
                weights += rest
                total += rest * value
            if flat or (weight < TOLERANCE * weights and weight * r * ratio < TOLERANCE * total):
                break
            t += direction * step
    return total / weights


@numba.njit(cache=True, nogil=True)
def expected_purchases_of_rows(
    r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray, horizon: FloatArray
) -> FloatArray:
    """`expected_purchases_while_alive` of each element; all of shape (rows,)."""
    expected = np.empty(len(r))
    for i in range(len(r)):
        expected[i] = expected_purchases_while_alive(r[i], alpha[i], a[i], b[i], horizon[i])
    return expected
