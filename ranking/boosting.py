"""Boosted trees as rankers: several fits that differ in their seed only, averaged.

Few queries make one fit's order noisy, and averaging fits on random rows and columns takes most of that noise away.
"""

from dataclasses import dataclass, replace

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray
from farview.evaluation.queries import Queries

Features = NDArray[np.float32]

# Fixed for every fit. Rows and columns are drawn anew for each tree and node (random forests' cure for few rows);
# one thread, so that a refit gives the same bytes.
_ALWAYS = {"tree_method": "hist", "nthread": 1, "verbosity": 0, "eta": 0.05, "subsample": 0.7}
_LAMBDAMART = {
    "objective": "rank:ndcg",
    "lambdarank_pair_method": "topk",
    "lambdarank_num_pair_per_sample": 20,
    "min_child_weight": 0.1,  # a pair's second derivative is far below 1
}


@dataclass(frozen=True, slots=True)
class BoostSettings:
    """How trees are grown."""

    objective: str  # of XGBoost: rank:ndcg, reg:squarederror or binary:logistic
    depth: int
    columns: float  # share of features tried at each node, in (0, 1]
    rounds: int
    members: int = 4  # fits that are averaged
    debiased: bool = False  # rank:ndcg: learns how likely each place is looked at beside what is relevant

    def alone(self) -> "BoostSettings":
        """The same with a single fit, for choosing settings."""
        return replace(self, members=1)


@dataclass(frozen=True, slots=True, eq=False)
class BoostTarget:
    """What a fit learns, row by row."""

    labels: FloatArray  # (n,) grades, or 0 and 1
    queries: Queries
    weights: FloatArray | None = None  # (n,) of rows; only for objectives that know no queries


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """A fitted ranker."""

    boosters: tuple[xgb.Booster, ...]

    def scores(self, features: Features, rounds: int = 0) -> FloatArray:
        """Mean margin of the members, shape (rows,); the higher, the better.

        Args:
            features: shape (rows, f).
            rounds: trees that count, from the first; 0 for all.
        """
        matrix = xgb.DMatrix(features, nthread=1)
        margins = [b.predict(matrix, output_margin=True, iteration_range=(0, rounds)) for b in self.boosters]
        return np.mean(margins, axis=0, dtype=np.float64)


def fit_boosted(features: Features, target: BoostTarget, settings: BoostSettings, seed: int) -> Boosted:
    """Fits the members. Same data, settings and seed, same trees."""
    matrix = xgb.DMatrix(features, target.labels, weight=target.weights, nthread=1)
    parameters = {**_ALWAYS, "max_depth": settings.depth, "colsample_bynode": settings.columns}
    if settings.objective == _LAMBDAMART["objective"]:
        matrix.set_group(target.queries.sizes)
        parameters |= _LAMBDAMART | {"lambdarank_unbiased": settings.debiased}
    else:
        parameters["objective"] = settings.objective
    seeds = generator(seed, "boosting").integers(0, 2**31, settings.members)
    return Boosted(tuple(xgb.train({**parameters, "seed": int(s)}, matrix, settings.rounds) for s in seeds))
