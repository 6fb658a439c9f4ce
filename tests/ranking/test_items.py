"""Items are ordered by rank product or expected revenue, equal ones at random, and the reasons add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from farview.core.errors import InvalidInput
from ranking.expected_revenue import ExpectedRevenue, PriceFunction, downstream_value
from ranking.items import rank_items
from ranking.rank_product import Objective
from ranking.terms import ascending_ranks
from tests.tiers import examples

LETTERS = np.array(["A", "B", "C", "D", "E"])
tied_values = npst.arrays(np.float64, 12, elements=st.integers(-6, 6).map(float))


def test_the_worked_example_ranks_e_a_d_c_b_from_lowest_to_highest() -> None:
    relevance = Objective("relevance", np.array([5.0, 4, 3, 2, 1]), 0.5)
    price = Objective("price", np.array([1.0, 5, 3, 4, 2]), 0.5)
    assert rank_items(LETTERS, [relevance, price]).ids.tolist() == ["B", "C", "D", "A", "E"]


def test_it_is_a_product_and_not_a_sum() -> None:
    # Ranks (5, 1) sum to more than (2, 3), but their product is less.
    first = Objective("first", np.array([5.0, 2, 1, 3, 4]))
    second = Objective("second", np.array([1.0, 3, 2, 4, 5]))
    places = rank_items(LETTERS, [first, second]).ids.tolist()
    assert places.index("B") < places.index("A")


@settings(max_examples=examples(ci=100, soak=5000))
@given(tied_values, tied_values, st.floats(0.01, 5))
def test_strictly_increasing_transforms_change_nothing(first: np.ndarray, second: np.ndarray, weight: float) -> None:
    ids = np.array([f"item-{i}" for i in range(12)])
    plain = rank_items(ids, [Objective("a", first, weight), Objective("b", second)], seed=3)
    bent = rank_items(ids, [Objective("a", np.exp(first), weight), Objective("b", second**3 + 7)], seed=3)
    assert plain.ids.tolist() == bent.ids.tolist()
    assert plain.scores.tolist() == bent.scores.tolist()


@settings(max_examples=examples(ci=100, soak=5000))
@given(tied_values)
def test_tied_values_share_their_average_rank(values: np.ndarray) -> None:
    assert ascending_ranks(values).tolist() == stats.rankdata(values).tolist()


@settings(max_examples=examples(ci=50, soak=2000))
@given(tied_values, tied_values, st.permutations(range(12)), st.integers(0, 99))
def test_the_order_sent_does_not_matter(first: np.ndarray, second: np.ndarray, shuffled: list[int], seed: int) -> None:
    ids = np.array([f"item-{i}" for i in range(12)])
    straight = rank_items(ids, [Objective("a", first), Objective("b", second)], seed=seed)
    mixed = rank_items(ids[shuffled], [Objective("a", first[shuffled]), Objective("b", second[shuffled])], seed=seed)
    assert straight.ids.tolist() == mixed.ids.tolist()


def test_weights_are_normalised() -> None:
    first, second = np.array([5.0, 2, 1, 3, 4]), np.array([1.0, 3, 2, 4, 5])
    small = rank_items(LETTERS, [Objective("a", first, 0.3), Objective("b", second, 0.1)])
    large = rank_items(LETTERS, [Objective("a", first, 30), Objective("b", second, 10)])
    np.testing.assert_allclose(small.scores, large.scores, rtol=1e-11)


def test_values_of_one_bin_share_a_rank() -> None:
    prices = Objective("price", np.array([10.1, 10.9, 19.9, 20.0, 35.0]), bin_width=10.0)
    (part,) = rank_items(LETTERS, [prices], explain=True).parts
    assert sorted(part.ranks.tolist()) == [2.0, 2.0, 2.0, 4.0, 5.0]


def test_equal_scores_stand_in_every_order_equally_often() -> None:
    # 2 equal items over 2,000 seeds; 5.33 binomial standard deviations: two-sided level 1e-7.
    same = [Objective("a", np.ones(2))]
    first = sum(rank_items(np.array(["x", "y"]), same, seed=seed).ids[0] == "x" for seed in range(2000))
    assert abs(first - 1000) < 5.33 * np.sqrt(500)


def test_expected_revenue_is_probability_times_price() -> None:
    revenue = ExpectedRevenue(np.array([0.1, 0.5, 0.2]), np.array([100.0, 10.0, 60.0]))
    ranked = rank_items(LETTERS[:3], revenue)
    assert ranked.ids.tolist() == ["C", "A", "B"]
    np.testing.assert_allclose(ranked.scores, [12.0, 10.0, 5.0], rtol=1e-11)


def test_under_ln_a_high_price_weighs_less() -> None:
    revenue = ExpectedRevenue(np.array([0.1, 0.5]), np.array([1000.0, 10.0]), PriceFunction.LN)
    ranked = rank_items(LETTERS[:2], revenue)
    assert ranked.ids.tolist() == ["B", "A"]
    np.testing.assert_allclose(ranked.scores, [0.5 * np.log(10), 0.1 * np.log(1000)], rtol=1e-11)


@settings(max_examples=examples(ci=50, soak=2000))
@given(tied_values, tied_values, st.floats(0.01, 5))
def test_the_score_is_the_product_of_its_parts(first: np.ndarray, second: np.ndarray, weight: float) -> None:
    ids = np.array([f"item-{i}" for i in range(12)])
    ranked = rank_items(ids, [Objective("a", first, weight), Objective("b", second)], explain=True)
    np.testing.assert_allclose(ranked.scores, ranked.parts[0].factors * ranked.parts[1].factors, rtol=1e-11)


def test_the_place_without_an_objective_is_that_of_a_ranking_without_it() -> None:
    relevance = Objective("relevance", np.array([5.0, 4, 3, 2, 1]), 0.5)
    price = Objective("price", np.array([1.0, 5, 3, 4, 2]), 0.5)
    ranked = rank_items(LETTERS, [relevance, price], explain=True)
    without_price = rank_items(LETTERS, [relevance]).ids.tolist()
    places = dict(zip(ranked.ids.tolist(), ranked.parts[1].places_without.tolist(), strict=True))
    assert [places[letter] for letter in without_price] == [1, 2, 3, 4, 5]


GOOD = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("ids", "blend", "field"),
    [
        (["a", "b", "a"], [Objective("x", GOOD)], "items[2].id"),
        (["a", "b", "c"], [], "objectives"),
        (["a", "b", "c"], [Objective("x", GOOD), Objective("x", GOOD)], "objectives"),
        (["a", "b", "c"], [Objective("x", np.array([1.0, np.nan, 2.0]))], "objectives[0].values"),
        (["a", "b", "c"], [Objective("x", GOOD[:2])], "objectives[0].values"),
        (["a", "b", "c"], [Objective("x", GOOD), Objective("y", GOOD, -1.0)], "objectives[1].weight"),
        (["a", "b", "c"], [Objective("x", GOOD, 0.0)], "objectives"),
        (["a", "b", "c"], [Objective("x", GOOD, 1.0, 0.0)], "objectives[0].bin_width"),
        (["a", "b", "c"], ExpectedRevenue(np.array([0.1, 1.1, 0.2]), GOOD), "items[1].probability"),
        (["a", "b", "c"], ExpectedRevenue(np.array([0.1, np.nan, 0.2]), GOOD), "items[1].probability"),
        (["a", "b", "c"], ExpectedRevenue(GOOD / 3, np.array([1.0, 1.0, -2.0])), "items[2].price"),
        (["a", "b", "c"], ExpectedRevenue(GOOD / 3, np.array([0.5, 1.0, 2.0]), PriceFunction.LN), "items[0].price"),
    ],
)
def test_what_cannot_be_ranked_is_refused_by_name(
    ids: list[str], blend: list[Objective] | ExpectedRevenue, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        rank_items(np.array(ids), blend)
    assert refused.value.violations[0].field == field


def test_downstream_value_holds_a_cheap_sale_against_what_the_journey_still_brings() -> None:
    # A pen that sells half of the time at 2, a coat that sells once in ten at 100, a journey that still brings 30.
    worth = downstream_value(np.array([0.5, 0.1]), np.array([2.0, 100.0]), 30.0)
    assert worth.tolist() == [0.5 * 2 + 0.5 * 30, 0.1 * 100 + 0.9 * 30]
