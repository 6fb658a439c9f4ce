"""How likely each place of a list is looked at, told from items that were shown at several places."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from farview.evaluation.arrays import FloatArray, IntArray

ROUNDS = 100
CLOSE = 1e-6
LEAST = 0.02  # a place's weight, 1 / chance, is at most 50: one click there must not decide everything


def examination(item: IntArray, position: IntArray, clicked: FloatArray) -> FloatArray:
    """Chance of a look at each place over that of the first, shape (places,), falling from 1, at least LEAST.

    The position-based model P(click) = look(place) x appeal(item): both sets of factors by maximum likelihood of a
    Poisson count, which sets the clicks foreseen of every place and of every item equal to those seen (an iteration
    of Deming and Stephan 1940). What comes out is made to fall with the place (isotonic regression). It holds as far as
    who sees an item does not decide where it is shown; a ranker that knows each customer well makes places look more
    different than they are.

    Args:
        item: code of each row's item, shape (rows,), from 0.
        position: from 1, shape (rows,).
        clicked: 1 or 0, shape (rows,).

    Source: Richardson, Dominowska, Ragno (2007), WWW, section 4.2, the examination hypothesis.
    """
    place = position - 1
    places, items = int(place.max()) + 1, int(item.max()) + 1
    cell, rows = np.unique(place * items + item, return_counts=True)
    at, of = cell // items, cell % items
    by_place = np.bincount(place, weights=clicked, minlength=places)
    by_item = np.bincount(item, weights=clicked, minlength=items)
    look = np.ones(places)
    for _ in range(ROUNDS):
        appeal = _ratio(by_item, np.bincount(of, weights=rows * look[at], minlength=items))
        foreseen = np.bincount(at, weights=rows * appeal[of], minlength=places)
        before, look = look, _ratio(by_place, foreseen)
        look = look / (look[0] or 1.0)
        if np.abs(look - before).max() < CLOSE:
            break
    shown = np.bincount(place, minlength=places)
    falling = isotonic_regression(look, weights=np.maximum(shown, 1e-9), increasing=False).x
    smooth: FloatArray = np.clip(falling / max(falling[0], LEAST), LEAST, 1.0)
    return smooth


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> FloatArray:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
