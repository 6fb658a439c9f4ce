"""Logarithms of rising factorials, log Gamma(z + n) / Gamma(z), and their slopes, without cancellation."""

import math

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SUM_UP_TO = 64  # a longer step is taken by Stirling's series, from z >= 32 exact to rounding
STIRLING_FROM = 32.0


@numba.njit(cache=True, nogil=True)
def log_rising(z: float, n: IntArray, value: FloatArray, slope: FloatArray) -> None:
    """Fills value[i] = log (z)_{n[i]} and slope[i] = d value[i] / dz for ascending counts n, z > 0.

    A running sum of log(z + j): exact for tiny and huge z, where a difference of log-gammas loses all its digits.
    """
    total, total_slope = 0.0, 0.0
    done = 0
    for i in range(len(n)):
        while done < n[i]:
            at = z + done
            gap = n[i] - done
            if gap > SUM_UP_TO and at >= STIRLING_FROM:
                total += _stirling_step(at, float(gap))
                total_slope += _digamma_tail(at + gap) - _digamma_tail(at) + math.log1p(gap / at)
                done = n[i]
            else:
                total += math.log(at)
                total_slope += 1.0 / at
                done += 1
        value[i] = total
        slope[i] = total_slope


@numba.njit(cache=True, nogil=True)
def _stirling_step(z: float, n: float) -> float:
    """log Gamma(z + n) - log Gamma(z) for z >= 32."""
    return (
        (z - 0.5) * math.log1p(n / z)
        + n * (math.log(z + n) - 1.0)
        + _stirling_tail(z + n)
        - _stirling_tail(z)
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _stirling_tail(z: float) -> float:
    """log Gamma(z) - ((z - 1/2) log z - z + log(2 pi) / 2); Abramowitz and Stegun 6.1.41."""
    w = 1.0 / (z * z)
    return (1.0 / 12 - w * (1.0 / 360 - w * (1.0 / 1260 - w / 1680))) / z


@numba.njit(cache=True, nogil=True)
def _digamma_tail(z: float) -> float:
    """digamma(z) - log z; Abramowitz and Stegun 6.3.18."""
    w = 1.0 / (z * z)
    return -0.5 / z - w * (1.0 / 12 - w * (1.0 / 120 - w * (1.0 / 252 - w / 240)))


@numba.njit(cache=True, nogil=True)
def digamma(z: float) -> float:
    """Slope of log Gamma at z > 0: recurrence up to 32, then the asymptotic series."""
    shift = 0.0
    while z < STIRLING_FROM:
        shift -= 1.0 / z
        z += 1.0
    return shift + math.log(z) + _digamma_tail(z)
