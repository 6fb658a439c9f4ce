"""Next-item models: against plain loops, and ties."""

import numpy as np
import pytest

from ranking.next_item import Histories, ItemKnn, LastCategory, Popularity, top_items


@pytest.fixture(scope="module")
def histories() -> Histories:
    random = np.random.default_rng(1)
    customer, item = random.integers(1, 30, 70), random.integers(0, 8, 70)  # customer 0 bought nothing
    return Histories.of(customer, item, (30, 8))


def test_the_last_items_are_those_bought_last_in_their_order(histories: Histories) -> None:
    random = np.random.default_rng(1)
    customer, item = random.integers(1, 30, 70), random.integers(0, 8, 70)
    tokens, length = histories.last_items(np.arange(30), 3)
    for one in range(30):
        expected = item[customer == one][-3:].tolist()
        assert tokens[one].tolist() == expected + [-1] * (tokens.shape[1] - len(expected))
        assert length[one] == len(expected)
        assert histories.last_item[one] == (expected[-1] if expected else -1)


def test_popularity_counts_buyers(histories: Histories) -> None:
    scores = Popularity.fit(histories).scores(histories, np.array([3, 0]))
    assert scores.tolist() == [histories.bought.toarray().sum(axis=0).tolist()] * 2


def test_item_knn_sums_the_shrunk_cosines_of_the_items_bought(histories: Histories) -> None:
    bought = histories.bought.toarray()
    scores = ItemKnn.fit(histories, 5.0).scores(histories, np.arange(30))
    for customer in range(30):
        for item in range(8):
            expected = sum(
                (bought[:, item] * bought[:, other]).sum()
                / (np.sqrt(bought[:, item].sum() * bought[:, other].sum()) + 5.0)
                for other in range(8)
                if other != item and bought[customer, other]
            )
            assert scores[customer, item] == pytest.approx(expected)


def test_the_category_bought_last_comes_before_all_others(histories: Histories) -> None:
    category = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    scores = LastCategory(Popularity.fit(histories).buyers, category).scores(histories, np.arange(1, 30))
    for row, last in zip(scores, histories.last_item[1:], strict=True):
        if last >= 0:
            assert row[category == category[last]].min() > row[category != category[last]].max()


def test_of_equal_scores_the_item_that_stands_first_is_shown() -> None:
    allowed = np.array([[True, False, True, True]])
    assert top_items(np.ones((1, 4)), allowed, 2, np.ones(4)).tolist() == [[0, 2]]


def test_of_equal_scores_the_more_popular_item_is_shown_even_where_all_scores_are_nothing() -> None:
    scores = np.array([[0.0, 0.0, 0.0, 0.0], [7.0, 0.0, 1e-12, 0.0]])
    shown = top_items(scores, np.ones((2, 4), dtype=np.bool_), 3, np.array([1.0, 3.0, 2.0, 9.0]))
    assert shown.tolist() == [[3, 1, 2], [0, 2, 3]]


def test_a_list_without_enough_items_is_filled_up() -> None:
    assert top_items(np.ones((1, 3)), np.array([[False, True, False]]), 5, np.ones(3)).tolist() == [[1, -1, -1, -1, -1]]
