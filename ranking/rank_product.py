"""Rank product: one order from several objectives that share no unit, such as relevance and price.

score_i = prod_k rank(objective_k,i)^w_k, rank 1 for the lowest value, ties share their average, weights sum to 1.
It is a product, not a sum: at equal weights ranks (2, 3) go before (5, 1).

Source: Breitling et al. (2004), "Rank products", FEBS Letters 573, with weights as exponents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from farview.core.errors import InvalidInput
from ranking.scores import FloatArray
from ranking.terms import Terms, ascending_ranks, powers


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing to have much of. Only the order of values matters; a cost is sent negated."""

    name: str
    values: FloatArray  # (items,), finite, higher is better
    weight: float = 1.0  # at least 0; weights are normalised to sum to 1
    bin_width: float | None = None  # in the values' unit: values of one bin share a rank; None leaves all apart


def rank_product_terms(objectives: Sequence[Objective], items: int) -> Terms:
    """rank^weight of every objective.

    Raises:
        InvalidInput: `objectives` or `objectives[k].field` is wrong.
    """
    _check(objectives, items)
    values = np.array([objective.values for objective in objectives], dtype=np.float64)
    _check_values(values)
    weights = np.array([objective.weight for objective in objectives])
    ranks = ascending_ranks(_binned(values, objectives))
    names = tuple(objective.name for objective in objectives)
    return Terms(names, values, ranks, powers(ranks, weights / weights.sum()))


def _binned(values: FloatArray, objectives: Sequence[Objective]) -> FloatArray:
    if all(objective.bin_width is None for objective in objectives):
        return values
    binned = [
        row if objective.bin_width is None else np.floor(row / objective.bin_width)
        for row, objective in zip(values, objectives, strict=True)
    ]
    return np.array(binned)


def _check(objectives: Sequence[Objective], items: int) -> None:
    if not objectives:
        raise InvalidInput.of("objectives", "there are none (send at least one)")
    if len({objective.name for objective in objectives}) < len(objectives):
        raise InvalidInput.of("objectives", "two have the same name (name each once)")
    for position, objective in enumerate(objectives):
        path = f"objectives[{position}]"
        if len(objective.values) != items:
            raise InvalidInput.of(f"{path}.values", f"{len(objective.values)} values for {items} items (send one each)")
        if not 0 <= objective.weight < inf:
            raise InvalidInput.of(f"{path}.weight", f"{objective.weight} is not a weight (send 0 or more)")
        if objective.bin_width is not None and not 0 < objective.bin_width < inf:
            raise InvalidInput.of(
                f"{path}.bin_width", f"{objective.bin_width} is not above 0 (leave it out for no bins)"
            )
    if sum(objective.weight for objective in objectives) <= 0:
        raise InvalidInput.of("objectives", "all weights are 0 (give one a weight)")


def _check_values(values: FloatArray) -> None:
    """Of all objectives, shape (objectives, items)."""
    finite = np.isfinite(values)
    if not finite.all():
        k = int(np.argmin(finite.all(axis=1)))
        raise InvalidInput.of(
            f"objectives[{k}].values", "holds a value that is not finite (send a number for every item)"
        )
