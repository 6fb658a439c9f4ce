"""Learned rankers: what they are fitted to, and that inner folds alone choose."""

import numpy as np

from farview.evaluation.queries import Queries
from ranking.boosting import BoostSettings, BoostTarget, fit_boosted
from ranking.query_table import QueryTable
from ranking.rankers import FeatureRanker, best_feature
from ranking.relevance_choice import choose, inner_folds, lacking
from ranking.relevance_models import families

SMALL = BoostSettings("rank:ndcg", depth=3, columns=0.5, rounds=10, members=2)


def random_table(seed: int = 0, queries: int = 9, prices: bool = False) -> QueryTable:
    """Queries of 8 candidates with 5 features; the grade rises with the first."""
    random = np.random.default_rng(seed)
    features = random.random((8 * queries, 5)).astype(np.float32)
    grades = np.digitize(features[:, 0] + 0.2 * random.random(8 * queries), [0.5, 0.8, 1.0]).astype(np.int64)
    price = random.lognormal(3, 1, 8 * queries) if prices else None
    return QueryTable(features, grades, Queries.of_sizes(np.full(queries, 8)), price)


def test_the_same_seed_grows_the_same_trees() -> None:
    table = random_table()
    target = BoostTarget(table.grades.astype(float), table.queries)
    first, second = (fit_boosted(table.features, target, SMALL, seed=4) for _ in range(2))
    assert [b.save_raw() for b in first.boosters] == [b.save_raw() for b in second.boosters]


def test_members_of_a_fit_differ() -> None:
    table = random_table()
    one, other = fit_boosted(
        table.features, BoostTarget(table.grades.astype(float), table.queries), SMALL, seed=4
    ).boosters
    assert one.save_raw() != other.save_raw()


def test_classifiers_learn_only_from_queries_with_a_purchase() -> None:
    table = random_table()
    classifier = families(3, prices=False)[-1]
    lessons = classifier.lessons(table)
    assert len(lessons.queries) == len(table.with_grade(3)) < len(table.queries)
    assert set(classifier.target(lessons).labels) == {0, 1}


def test_the_price_weighs_purchases_and_nothing_else() -> None:
    table = random_table(prices=True)
    by_price = families(3, prices=True)[-1]
    weights = by_price.target(table).weights
    assert weights is not None
    assert table.prices is not None
    bought = table.grades == 3
    assert set(weights[~bought]) == {1.0}
    np.testing.assert_allclose(weights[bought], table.prices[bought] / table.prices.mean())


def test_the_best_feature_is_found_with_its_direction() -> None:
    table = random_table()
    turned = QueryTable(-table.features[:, ::-1], table.grades, table.queries)
    assert best_feature(turned, 10) == FeatureRanker(4, descending=False)


def test_the_champion_is_best_on_inner_folds() -> None:
    choice = choose(random_table(), families(3, prices=False), seed=1)
    assert choice.inner_ndcg[choice.champion] == max(choice.inner_ndcg.values())


def test_where_one_feature_says_all_no_learned_ranker_is_needed() -> None:
    table = random_table()
    grades = np.digitize(table.features[:, 0], [0.5, 0.75, 0.9]).astype(np.int64)
    choice = choose(QueryTable(table.features, grades, table.queries), families(3, prices=False), seed=1)
    assert choice.champion == "best_feature"


def test_a_family_without_lessons_in_some_inner_fold_is_named() -> None:
    table = random_table()
    assert lacking(table, families(9, prices=False), inner_folds(table, seed=1)) == {
        "purchase_classifier": "0 queries have a grade of 9 or more"
    }
