"""What the next place is worth to each item, given those placed: by score alone, or with diversity.

Items stand in the order of their scores, best first, so that equal gains go to the better score. `relevance` is an
item's ascending rank by score over the number of items: in (0, 1], whatever the unit of the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray

RIDGE = 0.01  # share of an item that no other item is like: keeps lists longer than the features diverse
SMOOTHING = 0.01  # share of the target in the shares of an unfinished list, so that their ratio is finite


class Gain(Protocol):
    """Greedy re-ranking: the item with the largest gain gets the next place."""

    def values(self) -> FloatArray:
        """What the next place is worth to each item, shape (items,); of placed items meaningless."""

    def place(self, item: int) -> None:
        """The item got a place."""


@dataclass(frozen=True, slots=True, eq=False)
class ByScore:
    """The score alone."""

    relevance: FloatArray  # (items,)

    def values(self) -> FloatArray:
        """The relevance."""
        return self.relevance

    def place(self, item: int) -> None:
        """Nothing depends on what is placed."""


@dataclass(slots=True, eq=False)
class MaximalMarginalRelevance:
    """weight x relevance - (1 - weight) x cosine to the most alike item placed (at least 0).

    Source: Carbonell, Goldstein (1998), SIGIR, section 2.
    """

    relevance: FloatArray  # (items,)
    features: FloatArray  # (items, f) rows of length 1, see `unit_rows`
    weight: float  # of relevance, in [0, 1]
    _alike: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self._alike = np.zeros(len(self.relevance))

    def values(self) -> FloatArray:
        """Marginal relevance."""
        return self.weight * self.relevance - (1 - self.weight) * self._alike

    def place(self, item: int) -> None:
        """O(items x f)."""
        np.maximum(self._alike, self.features @ self.features[item], out=self._alike)


@dataclass(slots=True, eq=False)
class DeterminantalPointProcess:
    """log of how much the item enlarges the volume spanned by the items placed, quality included; greedy MAP.

    The kernel is L_ij = e^(a r_i) S_ij e^(a r_j), a = weight / (2 (1 - weight)), S = (1 - RIDGE) F F' + RIDGE I. An
    item's volume given those placed is the variance of its prediction in a Bayesian linear regression on its features
    (prior (1 - RIDGE) I, noise RIDGE) observed at the items placed, so a place costs O(items x f) whatever the length
    of the list: one update of the covariance instead of a growing Cholesky factor.

    Source: Chen, Zhang, Zhou (2018), "Fast greedy MAP inference for determinantal point process", NeurIPS, eqs. (3)
    and (14).
    """

    relevance: FloatArray  # (items,)
    features: FloatArray  # (items, f) rows of length 1
    weight: float  # of relevance, in [0, 1)
    _volume: FloatArray = field(init=False)  # (items,) d_i^2 given those placed
    _covariance: FloatArray = field(init=False)  # (f, f)

    def __post_init__(self) -> None:
        f = self.features.shape[1]
        self._covariance = (1 - RIDGE) * np.eye(f)
        self._volume = RIDGE + (1 - RIDGE) * np.einsum("if,if->i", self.features, self.features)

    def values(self) -> FloatArray:
        """log d_i^2 + 2 a r_i."""
        return np.log(np.maximum(self._volume, RIDGE)) + self.weight / (1 - self.weight) * self.relevance

    def place(self, item: int) -> None:
        """Rank-one update of the covariance, and of every item's volume."""
        reach = self._covariance @ self.features[item]
        volume = RIDGE + float(self.features[item] @ reach)
        self._volume -= (self.features @ reach) ** 2 / volume
        self._covariance -= np.outer(reach, reach / volume)


@dataclass(slots=True, eq=False)
class CalibratedCategories:
    """weight x relevance - (1 - weight) x KL(target || shares of the list with the item).

    Source: Steck (2018), "Calibrated recommendations", RecSys, eqs. (5) and (6), the shares smoothed as in eq. (4).
    """

    relevance: FloatArray  # (items,)
    category: IntArray  # (items,) position in `target`
    target: FloatArray  # (categories,) shares wanted, sum 1
    weight: float  # of relevance, in [0, 1]
    _placed: FloatArray = field(init=False)  # (categories,) items placed

    def __post_init__(self) -> None:
        self._placed = np.zeros(len(self.target))

    def values(self) -> FloatArray:
        """Relevance less the distance that the list would have from the target."""
        lists = self._placed + np.eye(len(self.target))  # row c: with one more of category c
        shares = (1 - SMOOTHING) * lists / (self._placed.sum() + 1) + SMOOTHING * self.target
        wanted = self.target > 0
        distance = (self.target[wanted] * np.log(self.target[wanted] / shares[:, wanted])).sum(axis=1)
        return self.weight * self.relevance - (1 - self.weight) * distance[self.category]

    def place(self, item: int) -> None:
        """Counts its category."""
        self._placed[self.category[item]] += 1


@dataclass(slots=True, eq=False)
class AspectCoverage:
    """weight x relevance + (1 - weight) x the chance that the item is the first to satisfy whoever wants its category.

    xQuAD with an item's relevance, in (0, 1), as the chance that it satisfies: of a category that is wanted by a share
    of customers, P(item satisfies) x product over the items placed of P(they do not).

    Source: Santos, Macdonald, Ounis (2010), "Exploiting query reformulations for web search result diversification",
    WWW, eqs. (3) to (6).
    """

    relevance: FloatArray  # (items,)
    category: IntArray  # (items,) position in `shares`
    shares: FloatArray  # (categories,) of customers who want the category, sum 1
    weight: float  # of relevance, in [0, 1]
    _unmet: FloatArray = field(init=False)  # (categories,) chance that no item placed satisfies

    def __post_init__(self) -> None:
        self._unmet = np.ones(len(self.shares))

    def values(self) -> FloatArray:
        """Relevance, and what the item adds to its category."""
        added = (self.shares * self._unmet)[self.category] * self._satisfies()
        return self.weight * self.relevance + (1 - self.weight) * added

    def place(self, item: int) -> None:
        """Fewer of those who want its category are left."""
        self._unmet[self.category[item]] *= 1 - self._satisfies()[item]

    def _satisfies(self) -> FloatArray:
        """Below 1 for the best item too: nobody is satisfied for sure."""
        return self.relevance * len(self.relevance) / (len(self.relevance) + 1)


def unit_rows(rows: Sequence[Sequence[float]] | FloatArray) -> FloatArray:
    """Rows scaled to length 1, shape (items, f); their products are cosines.

    Raises:
        InvalidInput: on `items[i].features`, when a row is all 0 or not finite.
    """
    features = np.asarray(rows, dtype=np.float64)
    scale = np.abs(features).max(axis=1, initial=0.0)
    wrong = ~((scale > 0) & np.isfinite(scale))
    if wrong.any():
        raise InvalidInput.of(
            f"items[{int(np.argmax(wrong))}].features", "have no direction (send finite numbers, not all 0)"
        )
    features = features / scale[:, None]
    return features / np.sqrt(np.einsum("if,if->i", features, features))[:, None]
