"""What a score multiplies together, so that every blend is combined and explained the same way.

Kernels, since numpy takes some microseconds for each call: for two hundred items that is most of its time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ranking.floors import IntArray
from ranking.scores import FloatArray

TIE_DECIMALS = 12  # scores that differ by a factor below 1 + 1e-12 are equal: rounding must not decide a place


@dataclass(frozen=True, slots=True)
class Terms:
    """The factors of the score; row k of every array is one of them."""

    names: tuple[str, ...]
    values: FloatArray  # (terms, items) as sent
    ranks: FloatArray  # (terms, items) of the values, 1 for the lowest; ties share their average
    factors: FloatArray  # (terms, items) at least 0; the score is the product over terms


@njit(cache=True, nogil=True)
def logarithms(factors: FloatArray) -> FloatArray:
    """Of the factors, shape (terms, items); -inf of a factor of 0, which makes the score 0."""
    return np.log(factors)


@njit(cache=True, nogil=True)
def product(logs: FloatArray, left_out: int = -1) -> FloatArray:
    """The score from the factors' logarithms, shape (terms, items), without one of the terms if it is named.

    Equal products are equal to the last bit. Of no terms it is 1 for all items.
    """
    terms, items = logs.shape
    scores = np.zeros(items)
    for term in range(terms):
        if term != left_out:
            scores += logs[term]
    for item in range(items):
        scores[item] = np.exp(np.rint(scores[item] * 10.0**TIE_DECIMALS) / 10.0**TIE_DECIMALS)
    return scores


@njit(cache=True, nogil=True)
def descending(scores: FloatArray) -> tuple[IntArray, bool]:
    """Places of the scores, the highest first, shape (items,), and whether any are equal."""
    order = np.argsort(-scores)
    for place in range(1, len(order)):
        if scores[order[place]] == scores[order[place - 1]]:
            return order, True
    return order, False


@njit(cache=True, nogil=True)
def powers(ranks: FloatArray, exponents: FloatArray) -> FloatArray:
    """Every row of ranks to its own power, shape (terms, items)."""
    factors = np.empty(ranks.shape)
    for term in range(len(ranks)):
        for item in range(ranks.shape[1]):
            factors[term, item] = ranks[term, item] ** exponents[term]
    return factors


def ascending_ranks(values: ArrayLike) -> FloatArray:
    """Ranks along the last axis, from 1 for the lowest value; equal values share the average of their ranks.

    Args:
        values: shape (items,) or (rows, items).
    """
    rows: NDArray[Any] = np.array(values, dtype=np.float64, ndmin=2)
    return _ascending_ranks(rows).reshape(np.shape(values))


@njit(cache=True, nogil=True)
def _ascending_ranks(rows: FloatArray) -> FloatArray:
    ranks = np.empty(rows.shape)
    for row in range(len(rows)):
        values = rows[row]
        order = np.argsort(values)
        first = 0
        while first < len(values):
            last = first
            while last + 1 < len(values) and values[order[last + 1]] == values[order[first]]:
                last += 1
            ranks[row, order[first : last + 1]] = (first + last) / 2 + 1
            first = last + 1
    return ranks
