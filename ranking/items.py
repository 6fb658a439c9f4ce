"""Orders items for a customer; the front door of item ranking. Arrays in, order and its reasons out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from ranking.contenders import KeyArray, tie_keys
from ranking.expected_revenue import ExpectedRevenue, expected_revenue_terms
from ranking.floors import IntArray
from ranking.rank_product import Objective, rank_product_terms
from ranking.scores import FloatArray
from ranking.terms import Terms, descending, logarithms, product

Blend: TypeAlias = Sequence[Objective] | ExpectedRevenue


@dataclass(frozen=True, slots=True)
class Part:
    """What one objective did. Row i of every array is place i + 1 of the answer."""

    name: str
    values: FloatArray  # (items,) as sent
    ranks: FloatArray  # (items,) 1 for the lowest value; ties share their average
    factors: FloatArray  # (items,) the score is the product over parts
    places_without: IntArray  # (items,) the place, from 1, that the item would have without this objective


@dataclass(frozen=True, slots=True)
class RankedItems:
    """Items in the order to show them. Row i of every array is place i + 1."""

    ids: NDArray[Any]  # (items,)
    items: IntArray  # (items,) the item's position among those handed in
    scores: FloatArray  # (items,) rank product, or expected revenue
    parts: tuple[Part, ...]  # empty unless explained
    seed: int  # of the order among equal scores

    def take(self, rows: IntArray) -> "RankedItems":
        """Some of the places, in another order."""
        parts = tuple(
            Part(p.name, p.values[rows], p.ranks[rows], p.factors[rows], p.places_without[rows]) for p in self.parts
        )
        return RankedItems(self.ids[rows], self.items[rows], self.scores[rows], parts, self.seed)


def rank_items(ids: NDArray[Any], blend: Blend, *, seed: int = 0, explain: bool = False) -> RankedItems:
    """Orders items by the rank product of objectives, or by expected revenue; the highest score is shown first.

    Args:
        ids: shape (items,), distinct strings.
        blend: objectives for the rank product, or probabilities and prices for expected revenue.
        seed: items of equal score stand in a random order keyed by (seed, id), whatever order they came in.
        explain: adds what each objective did to each place.

    Raises:
        InvalidInput: `items[i].id`, or a field that the blend names, is wrong.
    """
    _refuse_duplicates(ids)
    terms = (
        expected_revenue_terms(blend, len(ids))
        if isinstance(blend, ExpectedRevenue)
        else rank_product_terms(blend, len(ids))
    )
    ties, logs = cache(lambda: tie_keys(ids, seed)), logarithms(terms.factors)
    scores = product(logs)
    order = _order(scores, ties)
    parts: tuple[Part, ...] = ()
    if explain:
        parts = tuple(
            _part(terms, k, without=_order(product(logs, k), ties), order=order) for k in range(len(terms.names))
        )
    return RankedItems(ids[order], order, scores[order], parts, seed)


def warm() -> None:
    """Compiles the kernels, or loads them from their cache, so that no caller waits for it."""
    rank_items(np.array(["anything"]), [Objective("any", np.zeros(1))], explain=True)


def _order(scores: FloatArray, ties: Callable[[], KeyArray]) -> IntArray:
    order, tied = descending(scores)
    return np.lexsort((ties(), -scores)) if tied else order


def _part(terms: Terms, k: int, *, without: IntArray, order: IntArray) -> Part:
    """What term k did; `without` is the order that there would be without it."""
    places = np.empty(len(order), dtype=np.int64)
    places[without] = np.arange(1, len(order) + 1)
    values, ranks, factors = (array[k][order] for array in (terms.values, terms.ranks, terms.factors))
    return Part(terms.names[k], values, ranks, factors, places[order])


def _refuse_duplicates(ids: NDArray[Any]) -> None:
    names = ids.tolist()
    if len(set(names)) == len(names):
        return
    seen: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in seen:
            raise InvalidInput.of(
                f"items[{position}].id", f"{name!r} stands at items[{seen[name]}] too (send each item once)"
            )
        seen[name] = position
