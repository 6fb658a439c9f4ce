"""Expected purchases of a living BG/NBD customer, stable at a = 1, for large counts and for long horizons.

A customer known to be alive has rate Gamma(r, alpha) and dropout probability p ~ Beta(a, b) (posterior shapes r + x,
alpha + T, a, b + x). Without dropout the count K in a horizon h is negative binomial with z = h / (alpha + h), and the
k-th opportunity is taken if none before ended the life, so

    E N = sum_{j >= 0} P(K > j) E(1 - p)^j = sum_k P(K = k) G_k,   G_k = sum_{j < k} (b)_j / (a + b)_j.     (1)

All terms are positive, nothing is singular at a = 1. It equals FHL (2005) eq. (10) over P(alive), by 2F1's Euler
transformation, with e = a - 1 and C = a + b - 1:

    E N = -C expm1(e log(1 - z)) / e - (1 - z)^e sum_{k >= 1} (C - r)_k (1 + e)_{k-1} z^k / ((C + 1)_{k-1} k!).  (2)

(2) needs fewer terms, but cancels when r is much greater than C; then (1) is summed.
"""

import math

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

TOLERANCE = 1e-15
MAX_TERMS = 10_000_000


@numba.njit(cache=True, nogil=True)
def expected_purchases_while_alive(r: float, alpha: float, a: float, b: float, horizon: float) -> float:
    """E N in a horizon, given alive now with posterior shapes r, alpha, a, b > 0; alpha and horizon in one unit."""
    if horizon <= 0.0:
        return 0.0
    log_rest = -math.log1p(horizon / alpha)  # log(1 - z), exact for small and large z
    if abs(a + b - 1.0 - r) <= a + b and abs((a - 1.0) * log_rest) < 100.0:
        return _euler(r, a, b, horizon / (alpha + horizon), log_rest)
    return _by_opportunity(r, a, b, horizon / (alpha + horizon), log_rest)


@numba.njit(cache=True, nogil=True)
def _euler(r: float, a: float, b: float, z: float, log_rest: float) -> float:
    """Form (2)."""
    e = a - 1.0
    c = a + b - 1.0
    term = (c - r) * z
    total = term
    k = 1.0
    while k < MAX_TERMS:
        ratio = (c - r + k) * (e + k) / ((c + k) * (k + 1.0)) * z
        term *= ratio
        total += term
        k += 1.0
        if abs(term) <= TOLERANCE * abs(total) * (1.0 - z) and abs(ratio) < 1.0:
            break
    first = -math.expm1(e * log_rest) / e if abs(e * log_rest) > 1e-300 else -log_rest
    return c * first - math.exp(e * log_rest) * total


@numba.njit(cache=True, nogil=True)
def _by_opportunity(r: float, a: float, b: float, z: float, log_rest: float) -> float:
    """Form (1), the pmf carried as a logarithm until it is representable."""
    mean = r * z / math.exp(log_rest)
    log_pmf = r * log_rest
    k = 0.0
    taken = 0.0  # G_k
    stay = 1.0  # (b)_k / (a + b)_k
    total = 0.0
    while k < MAX_TERMS and log_pmf < -650.0:
        log_pmf += math.log(z * (r + k) / (k + 1.0))
        taken += stay
        stay *= (b + k) / (a + b + k)
        k += 1.0
    pmf = math.exp(log_pmf)
    while k < MAX_TERMS:
        total += pmf * taken
        if k > mean and pmf * taken <= TOLERANCE * total * (1.0 - z):
            break
        pmf *= z * (r + k) / (k + 1.0)
        taken += stay
        stay *= (b + k) / (a + b + k)
        k += 1.0
    return total


@numba.njit(cache=True, nogil=True)
def expected_purchases_of_rows(
    r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray, horizon: FloatArray
) -> FloatArray:
    """`expected_purchases_while_alive` of each element; all of shape (rows,)."""
    expected = np.empty(len(r))
    for i in range(len(r)):
        expected[i] = expected_purchases_while_alive(r[i], alpha[i], a[i], b[i], horizon[i])
    return expected
