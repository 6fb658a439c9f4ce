"""Functions of vectors inside compiled loops, written so that the compiler turns them into vector code."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

SMALLEST_VARIANCE = np.float32(1e-5)  # that a normalisation divides by
VECTOR = {"reassoc", "contract", "nsz"}  # lets the compiler vectorise sums; infinities keep their meaning


@njit(cache=True, nogil=True)
def copy_into(target: NDArray[Any], source: NDArray[Any]) -> None:
    """target[:] = source, of equal length; a slice assignment would take seconds longer to compile."""
    for entry in range(len(target)):
        target[entry] = source[entry]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def tanh(x: np.float32) -> np.float32:
    """Rational minimax approximation on [-9, 9], relative error below 4e-7 in float32 (Eigen's coefficients)."""
    x = np.float32(min(max(x, np.float32(-9.0)), np.float32(9.0)))
    s = x * x
    top = np.float32(-2.76076847742355e-16)
    top = top * s + np.float32(2.00018790482477e-13)
    top = top * s + np.float32(-8.60467152213735e-11)
    top = top * s + np.float32(5.12229709037114e-08)
    top = top * s + np.float32(1.48572235717979e-05)
    top = top * s + np.float32(6.37261928875436e-04)
    top = top * s + np.float32(4.89352455891786e-03)
    bottom = np.float32(1.19825839466702e-06)
    bottom = bottom * s + np.float32(1.18534705686654e-04)
    bottom = bottom * s + np.float32(2.26843463243900e-03)
    bottom = bottom * s + np.float32(4.89352518554385e-03)
    return x * top / bottom


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def sigmoid(x: np.float32) -> np.float32:
    """By the tanh above."""
    half = np.float32(0.5)
    return half + half * tanh(half * x)


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def add_into(target: Float32Array, source: Float32Array) -> None:
    """target += source."""
    for entry in range(len(target)):
        target[entry] += source[entry]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def add_product(vector: Float32Array, matrix: Float32Array, target: Float32Array) -> None:
    """target += vector @ matrix, four rows at a time so that `target` is loaded and stored less often."""
    rows = len(vector)
    for row in range(0, rows - rows % 4, 4):
        a, b, c, d = vector[row], vector[row + 1], vector[row + 2], vector[row + 3]
        for column in range(len(target)):
            target[column] += (a * matrix[row, column] + b * matrix[row + 1, column]) + (
                c * matrix[row + 2, column] + d * matrix[row + 3, column]
            )
    for row in range(rows - rows % 4, rows):
        for column in range(len(target)):
            target[column] += vector[row] * matrix[row, column]


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def dot(one: Float32Array, other: Float32Array) -> np.float32:
    """Sum of products."""
    total = np.float32(0.0)
    for entry in range(len(one)):
        total += one[entry] * other[entry]
    return total


@njit(cache=True, nogil=True, fastmath=VECTOR, error_model="numpy")
def normalise(x: Float32Array, affine: Float32Array, target: Float32Array) -> None:
    """Layer normalisation: Ba et al. (2016), arXiv:1607.06450."""
    mean = np.float32(0.0)
    for unit in range(len(x)):
        mean += x[unit]
    mean /= np.float32(len(x))
    variance = np.float32(0.0)
    for unit in range(len(x)):
        variance += (x[unit] - mean) * (x[unit] - mean)
    scale = np.float32(1.0) / np.sqrt(variance / np.float32(len(x)) + SMALLEST_VARIANCE)
    for unit in range(len(x)):
        target[unit] = (x[unit] - mean) * scale * affine[0, unit] + affine[1, unit]
