"""The families of learned relevance: what each is fitted to, and the settings it may choose from."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from ranking.boosting import BoostSettings, BoostTarget
from ranking.model_names import (
    GRADE_REGRESSION,
    LAMBDAMART,
    LAMBDAMART_DEBIASED,
    PURCHASE_CLASSIFIER,
    PURCHASE_CLASSIFIER_BY_PRICE,
)
from ranking.query_table import QueryTable

ROUNDS = (50, 100, 150, 200)  # trees a fit may stop at; the last is grown, so more choice costs nothing
_SHAPES = tuple(product((4, 6), (0.1, 0.3)))  # depth, share of features tried at a node


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of learned ranker."""

    name: str
    objective: str  # of XGBoost
    least_grade: int  # it learns from the queries that have such a grade: others hold nothing to tell apart
    target: Callable[[QueryTable], BoostTarget]
    debiased: bool = False

    def lessons(self, table: QueryTable) -> QueryTable:
        """The queries it learns from.

        Raises:
            InvalidInput: there are none.
        """
        return table.take(table.with_grade(self.least_grade))

    def settings(self) -> tuple[BoostSettings, ...]:
        """What inner folds choose from, besides the number of rounds."""
        return tuple(
            BoostSettings(self.objective, depth, columns, ROUNDS[-1], debiased=self.debiased)
            for depth, columns in _SHAPES
        )


def families(purchase_grade: int, *, prices: bool, places: bool = False) -> tuple[Family, ...]:
    """LambdaMART, regression on the grade, and purchase classifiers: plain, and price-weighted where prices are known.

    With places, where rows stand in the order in which they were shown, also LambdaMART that learns the places' chance
    of a look beside the relevance (Hu et al. 2019, "Unbiased LambdaMART", WWW).

    Queries without a grade teach the first two nothing, queries without a purchase the classifiers: they are left out
    of what is learnt from, never of what is judged.
    """

    def purchase(table: QueryTable) -> BoostTarget:
        return BoostTarget((table.grades >= purchase_grade).astype(np.float64), table.queries)

    def purchase_by_price(table: QueryTable) -> BoostTarget:
        target = purchase(table)
        assert table.prices is not None
        worth = np.where(target.labels > 0, table.prices / table.prices.mean(), 1.0)
        return BoostTarget(target.labels, table.queries, worth)

    found: tuple[Family, ...] = (
        Family(LAMBDAMART, "rank:ndcg", 1, _grades),
        Family(GRADE_REGRESSION, "reg:squarederror", 1, _grades),
        Family(PURCHASE_CLASSIFIER, "binary:logistic", purchase_grade, purchase),
    )
    if prices:
        found += (Family(PURCHASE_CLASSIFIER_BY_PRICE, "binary:logistic", purchase_grade, purchase_by_price),)
    if places:
        found += (Family(LAMBDAMART_DEBIASED, "rank:ndcg", 1, _grades, debiased=True),)
    return found


def _grades(table: QueryTable) -> BoostTarget:
    return BoostTarget(table.grades.astype(np.float64), table.queries)
