"""What relevance costs and what price gains along the weight of a rank product, with pointwise intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.list_metrics import average_price_at, ndcg_at, ndcp_at
from farview.evaluation.queries import Queries

WEIGHTS = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.2, 0.0)
LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class PricedScores:
    """Graded candidates of queries with a relevance score and a price each."""

    relevance: FloatArray  # (rows,) only its order within a query counts
    prices: FloatArray  # (rows,) above 0, one currency
    grades: IntArray  # (rows,)
    queries: Queries


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The mean of a figure over queries at each point, with its interval; each shape (points,)."""

    mean: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Figures of the first k places at each point, p of them."""

    labels: tuple[str, ...]  # (p,) "0.90" for a weight of relevance, or the name of another blend
    ndcg: Estimate
    ndcp: Estimate
    average_price: Estimate  # unit of the prices
    dearest: float  # highest price there is: the domain of the average price

    @property
    def ndcg_area(self) -> FloatArray:
        """Area under the distribution of NDCG over queries, (p,); smaller is better."""
        return 1 - self.ndcg.mean

    @property
    def ndcp_area(self) -> FloatArray:
        """Area under the distribution of NDCP over queries, (p,)."""
        return 1 - self.ndcp.mean


def blended(scored: PricedScores, weight: float) -> FloatArray:
    """Logarithm of the rank product of relevance and price within each query, shape (rows,).

    Args:
        scored: what to blend.
        weight: of relevance, in [0, 1]; the price has the rest.
    """
    relevance = np.log(scored.queries.ascending_ranks(scored.relevance))
    price = np.log(scored.queries.ascending_ranks(scored.prices))
    return np.round(weight * relevance + (1 - weight) * price, 12)


def frontier(
    scored: PricedScores,
    k: int,
    *,
    weights: Sequence[float] = WEIGHTS,
    others: Sequence[tuple[str, FloatArray]] = (),
    resamples: int = 1_000,
    seed: int = 0,
) -> Frontier:
    """Figures at k along the weights, and of other blends beside them.

    Intervals are 95 % percentile bootstraps over queries, pointwise: each point is covered with that probability, not
    the curve as a whole. All points share their resamples.

    Args:
        scored: candidates.
        k: places looked at.
        weights: of relevance, in [0, 1].
        others: name and scores, shape (rows,), of blends that have no weight, such as expected revenue.
        resamples: of the bootstrap.
        seed: of the resamples.

    Raises:
        InvalidInput: a weight outside [0, 1], a price of 0 or less, or no query with a grade.
    """
    _check(scored, weights)
    points = [(f"{weight:.2f}", blended(scored, weight)) for weight in weights] + list(others)

    def estimated(figure: Callable[[FloatArray], FloatArray]) -> Estimate:
        by_query = np.stack([figure(scores) for _, scores in points])
        return bootstrapped(by_query, resamples=resamples, seed=seed)

    grades, prices, queries = scored.grades, scored.prices, scored.queries
    return Frontier(
        labels=tuple(label for label, _ in points),
        ndcg=estimated(lambda scores: ndcg_at(k, grades, scores, queries)),
        ndcp=estimated(lambda scores: ndcp_at(k, prices, scores, queries)),
        average_price=estimated(lambda scores: average_price_at(k, prices, scores, queries)),
        dearest=float(prices.max()),
    )


def bootstrapped(by_query: FloatArray, *, resamples: int, seed: int) -> Estimate:
    """Means over the queries that have the figure, with percentile intervals.

    Args:
        by_query: shape (points, queries); a query without the figure is NaN at every point.
        resamples: how often the queries are drawn again.
        seed: of the draws.
    """
    known = by_query[:, ~np.isnan(by_query[0])]
    queries = known.shape[1]
    if queries == 0:
        raise InvalidInput.of("grades", "no query has a grade above 0, so no order is better than another")
    counts = generator(seed, "frontier").multinomial(queries, np.full(queries, 1 / queries), size=resamples)
    drawn = known @ counts.T / queries
    lower, upper = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return Estimate(known.mean(axis=1), lower, upper)


def operating_point(curve: Frontier, relevance_loss: float) -> int:
    """The point with the smallest NDCP area whose NDCG area is at most (1 + relevance_loss) times the smallest.

    Returns:
        Its position; of equals the first.
    """
    allowed = curve.ndcg_area <= (1 + relevance_loss) * curve.ndcg_area.min() + 1e-12
    return int(np.argmin(np.where(allowed, curve.ndcp_area, np.inf)))


def _check(scored: PricedScores, weights: Sequence[float]) -> None:
    for position, weight in enumerate(weights):
        if not 0 <= weight <= 1:
            raise InvalidInput.of(f"weights[{position}]", f"{weight} is not a share of the weight (send 0 to 1)")
    if not (scored.prices > 0).all():
        raise InvalidInput.of("prices", f"{scored.prices.min():g} is among them; all must be above 0")
