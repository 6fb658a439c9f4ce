"""Figures of ranked lists: hand-computed cases, ties against every order there is."""

from itertools import pairwise, permutations
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.evaluation.ecdf import Ecdf
from farview.evaluation.list_metrics import average_price_at, intra_list_distance_at, ndcg_at, ndcp_at
from farview.evaluation.queries import Queries, folds_of
from tests.tiers import examples

ONE = Queries.of_sizes(np.array([4]))
lists = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=5)


def plain_ndcg(grades: list[int], k: int) -> float:
    """Of grades in the order shown."""

    def dcg(shown: list[int]) -> float:
        return sum((2**grade - 1) / log2(2 + place) for place, grade in enumerate(shown[:k]))

    return dcg(grades) / dcg(sorted(grades, reverse=True))


def test_ndcg_of_a_hand_computed_list() -> None:
    # Shown grades 3, 0, 2, 1: (7 + 0 + 3/2 + 1/log2 5) / (7 + 3/log2 3 + 1/2 + 0)
    figure = ndcg_at(4, np.array([0, 1, 2, 3]), np.array([2.0, 0, 1, 3]), ONE)
    assert figure[0] == pytest.approx((7 + 1.5 + 1 / log2(5)) / (7 + 3 / log2(3) + 0.5), rel=1e-12)


def test_a_query_without_a_grade_has_no_ndcg() -> None:
    two = Queries.of_sizes(np.array([2, 2]))
    assert np.isnan(ndcg_at(10, np.array([0, 0, 1, 0]), np.zeros(4), two)).tolist() == [True, False]


def test_ndcp_takes_the_price_itself_as_gain() -> None:
    figure = ndcp_at(2, np.array([10.0, 30, 20, 0]), np.array([4.0, 3, 2, 1]), ONE)
    assert figure[0] == pytest.approx((10 + 30 / log2(3)) / (30 + 20 / log2(3)), rel=1e-12)


def test_average_price_of_a_short_list_is_that_of_all_its_items() -> None:
    prices = np.array([10.0, 30, 20, 0])
    assert average_price_at(2, prices, np.array([4.0, 3, 2, 1]), ONE).tolist() == [20.0]
    assert average_price_at(9, prices, np.array([4.0, 3, 2, 1]), ONE).tolist() == [15.0]


@given(lists, st.integers(1, 6))
@settings(max_examples=examples(ci=60, soak=3_000), deadline=None)
def test_equal_scores_get_what_their_random_order_gets_on_average(rows: list[tuple[int, int]], k: int) -> None:
    grades, scores = (np.array(column) for column in zip(*rows, strict=True))
    orders = [o for o in permutations(range(len(rows))) if all(scores[a] >= scores[b] for a, b in pairwise(o))]
    figure = ndcg_at(k, grades, scores.astype(float), Queries.of_sizes(np.array([len(rows)])))[0]
    if grades.max() == 0:
        assert np.isnan(figure)
    else:
        assert figure == pytest.approx(np.mean([plain_ndcg(grades[list(o)].tolist(), k) for o in orders]), rel=1e-9)


@given(st.lists(lists, min_size=2, max_size=4))
@settings(max_examples=examples(ci=40, soak=2_000), deadline=None)
def test_the_queries_of_a_table_do_not_touch_one_another(tables: list[list[tuple[int, int]]]) -> None:
    def figures(rows: list[tuple[int, int]], sizes: list[int]) -> list[float]:
        grades, scores = (np.array(column) for column in zip(*rows, strict=True))
        return ndcg_at(3, grades, scores.astype(float), Queries.of_sizes(np.array(sizes))).tolist()

    together = figures([row for table in tables for row in table], [len(table) for table in tables])
    np.testing.assert_allclose(together, [figures(table, [len(table)])[0] for table in tables], rtol=1e-12)


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=4))
@settings(max_examples=examples(ci=60, soak=2_000), deadline=None)
def test_ranks_within_a_query_are_those_of_the_query_alone(tables: list[list[int]]) -> None:
    from scipy.stats import rankdata

    queries = Queries.of_sizes(np.array([len(table) for table in tables]))
    ranks = queries.ascending_ranks(np.concatenate(tables).astype(float))
    assert ranks.tolist() == np.concatenate([rankdata(table) for table in tables]).tolist()


def test_standardised_values_of_a_query_have_mean_0_and_sd_1() -> None:
    queries = Queries.of_sizes(np.array([3, 2]))
    values = queries.standardised(np.array([1.0, 2, 6, 5, 5]))
    assert values[:3].mean() == pytest.approx(0, abs=1e-12)
    assert values[:3].std() == pytest.approx(1)
    assert values[3:].tolist() == [0, 0]


def test_rows_of_chosen_queries_come_query_by_query() -> None:
    queries = Queries.of_sizes(np.array([2, 3, 1]))
    assert queries.rows_of(np.array([2, 0])).tolist() == [5, 0, 1]


def test_a_query_without_rows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="sizes: every query needs at least one row"):
        Queries.of_sizes(np.array([2, 0]))


def test_folds_differ_in_size_by_at_most_one() -> None:
    assert sorted(np.bincount(folds_of(203, 5, 1, "any")).tolist()) == [40, 40, 41, 41, 41]


def test_the_area_under_a_distribution_is_its_largest_value_less_the_mean() -> None:
    values = np.array([0.2, 0.9, np.nan, 0.4])
    ecdf = Ecdf.of(values)
    grid = (np.arange(100_000) + 0.5) / 100_000
    assert ecdf.area == pytest.approx(ecdf(grid).mean(), abs=1e-5)
    assert ecdf.area == pytest.approx(0.5)


def test_the_reduction_is_the_share_of_the_area_that_is_gone() -> None:
    better, baseline = Ecdf.of(np.array([80.0, 100]), 100), Ecdf.of(np.array([50.0, 70]), 100)
    assert better.reduction(baseline) == pytest.approx(0.75)


def test_figures_outside_their_domain_are_refused() -> None:
    with pytest.raises(InvalidInput, match="they must be in 0 to 1"):
        Ecdf.of(np.array([0.5, 1.2]))


def test_the_intra_list_distance_is_that_of_all_pairs() -> None:
    random = np.random.default_rng(7)
    queries, k = Queries.of_sizes(np.array([6, 3, 1])), 4
    features, scores = random.normal(size=(10, 3)), random.normal(size=10)
    features[1] = 0.0  # like nothing
    found = intra_list_distance_at(k, features, scores, queries)
    for query in range(2):
        rows = queries.rows_of(np.array([query]))
        first = rows[np.argsort(-scores[rows])][:k]
        units = [features[row] / (np.linalg.norm(features[row]) or 1.0) for row in first]
        pairs = [1 - units[i] @ units[j] for i in range(len(units)) for j in range(i)]
        assert found[query] == pytest.approx(np.mean(pairs))
    assert np.isnan(found[2])
