"""A world in which the cost of a higher price is known: one relevant item a query, prices as dear as wanted."""

import numpy as np

from farview.evaluation.queries import Queries
from ranking.frontier import PricedScores

CANDIDATES = 100


def priced_queries(queries: int, spearman: float, seed: int) -> PricedScores:
    """Queries of 100 candidates: price lognormal (sigma 1), latent appeal N(0, 1), their Spearman correlation given.

    One candidate a query is relevant, drawn by softmax of the latent appeal; the score is latent + .5 N(0, 1).
    Pearson's r of a normal pair is 2 sin(pi rho / 6) for Spearman's rho (Pearson 1907).
    """
    random = np.random.default_rng(seed)
    r = 2 * np.sin(np.pi * spearman / 6)
    latent, own, noise = random.normal(size=(3, queries, CANDIDATES))
    price = np.exp(r * latent + np.sqrt(1 - r**2) * own)
    relevant = np.argmax(latent + random.gumbel(size=latent.shape), axis=1)  # softmax by its largest exponential race
    grades = np.zeros(latent.shape, dtype=np.int64)
    grades[np.arange(queries), relevant] = 1
    score = latent + 0.5 * noise
    return PricedScores(score.ravel(), price.ravel(), grades.ravel(), Queries.of_sizes(np.full(queries, CANDIDATES)))
