"""What orders the candidates of queries: learned rankers, their pool, and what needs hardly any learning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from farview.evaluation.arrays import FloatArray
from farview.evaluation.list_metrics import debiased_ndcg_at, ndcg_at
from ranking.boosting import Boosted
from ranking.query_table import QueryTable


class Ranker(Protocol):
    """Anything that scores candidates; grades of the table are not looked at."""

    def scores(self, table: QueryTable) -> FloatArray:
        """Shape (rows,); within a query the highest score comes first."""


@dataclass(frozen=True, slots=True, eq=False)
class BoostedRanker:
    """Boosted trees."""

    boosted: Boosted

    def scores(self, table: QueryTable) -> FloatArray:
        """Margins: only their order within a query means something."""
        return self.boosted.scores(table.features)


@dataclass(frozen=True, slots=True, eq=False)
class PooledRanker:
    """Several rankers heard equally: the mean of their scores, each standardised within its query."""

    members: tuple[Ranker, ...]

    def scores(self, table: QueryTable) -> FloatArray:
        """Mean standardised score."""
        return pooled([member.scores(table) for member in self.members], table)


def pooled(scores: Sequence[FloatArray], table: QueryTable) -> FloatArray:
    """Mean of the scores of several rankers, each standardised within its query; shape (rows,)."""
    return np.mean([table.queries.standardised(each) for each in scores], axis=0)


@dataclass(frozen=True, slots=True)
class FeatureRanker:
    """One feature, upwards or downwards: what a person would sort by."""

    feature: int  # column
    descending: bool  # whether the largest value comes first

    def scores(self, table: QueryTable) -> FloatArray:
        """The feature or its negative; unknown values come last."""
        values = table.features[:, self.feature].astype(np.float64)
        return np.nan_to_num(values if self.descending else -values, nan=-np.inf)


@dataclass(frozen=True, slots=True)
class RandomRanker:
    """All candidates alike: figures are what a random order would get on average."""

    def scores(self, table: QueryTable) -> FloatArray:
        """0 for all."""
        return np.zeros(table.queries.rows)


def best_feature(table: QueryTable, k: int) -> FeatureRanker:
    """The one feature, and direction, with the highest mean NDCG at k on a table; the first of equals."""
    tried = [FeatureRanker(f, up) for f in range(table.features.shape[1]) for up in (True, False)]
    return max(tried, key=lambda ranker: mean_ndcg(k, table, ranker.scores(table)))


def mean_ndcg(k: int, table: QueryTable, scores: FloatArray) -> float:
    """Mean over the queries that have a grade above 0; NaN where none has.

    Where it is known how likely places were looked at, the debiased one: what a log would show of places looked at
    alike.
    """
    if table.looked_at is not None:
        return debiased_ndcg_at(k, table.grades, table.looked_at, scores, table.queries)
    figures = ndcg_at(k, table.grades, scores, table.queries)
    known = figures[~np.isnan(figures)]
    return float(known.mean()) if len(known) else float("nan")
