"""What a score multiplies together, so that every blend is combined and explained the same way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from ranking.scores import FloatArray

TIE_DECIMALS = 12  # scores that differ by a factor below 1 + 1e-12 are equal: rounding must not decide a place


@dataclass(frozen=True, slots=True)
class Term:
    """One factor of the score, for every item."""

    name: str
    values: FloatArray  # (items,) as sent
    ranks: FloatArray  # (items,) of the values, 1 for the lowest; ties share their average
    factors: FloatArray  # (items,) at least 0; the score is the product over terms


def logarithms(terms: Sequence[Term], items: int) -> FloatArray:
    """Of the factors, shape (terms, items); -inf of a factor of 0, which makes the score 0."""
    factors = np.array([term.factors for term in terms]).reshape(len(terms), items)
    with np.errstate(divide="ignore"):
        return np.log(factors)


def product(logs: FloatArray) -> FloatArray:
    """The score from the factors' logarithms, shape (terms, items): 1 for all items where there are no terms.

    Equal products are equal to the last bit.
    """
    return np.exp(np.round(logs.sum(axis=0), TIE_DECIMALS))


def ascending_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 for the lowest value; equal values share the average of their ranks. Shape (items,)."""
    return _ascending_ranks(np.require(values, np.float64, ["C", "W"]))


@njit(cache=True, nogil=True)
def _ascending_ranks(values: FloatArray) -> FloatArray:
    """A third of what numpy takes for two hundred values, of which each call costs it some microseconds."""
    order = np.argsort(values)
    ranks = np.empty(len(values))
    first = 0
    while first < len(values):
        last = first
        while last + 1 < len(values) and values[order[last + 1]] == values[order[first]]:
            last += 1
        ranks[order[first : last + 1]] = (first + last) / 2 + 1
        first = last + 1
    return ranks
