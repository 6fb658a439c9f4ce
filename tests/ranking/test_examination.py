"""How likely places are looked at, told from clicks."""

import numpy as np

from farview.evaluation.list_metrics import debiased_ndcg_at, ndcg_at
from farview.evaluation.queries import Queries
from ranking.examination import LEAST, examination

TRUE_LOOK = np.array([1.0, 0.6, 0.4, 0.25, 0.15])


def clicks(lists: int, seed: int, tilt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Item, position, clicked and appeal by item: lists of five of 40 items, appealing ones mostly higher with tilt."""
    random = np.random.default_rng(seed)
    appeal = random.uniform(0.05, 0.9, 40)
    drawn = random.permuted(np.tile(np.arange(40), (lists, 1)), axis=1)[:, :5]
    worth = tilt * np.log(appeal[drawn]) + random.gumbel(size=(lists, 5))
    item = np.take_along_axis(drawn, np.argsort(-worth, axis=1), axis=1)
    position = np.tile(np.arange(1, 6), (lists, 1))
    clicked = random.random((lists, 5)) < appeal[item] * TRUE_LOOK
    return item.ravel(), position.ravel(), clicked.ravel().astype(float), appeal


def test_looks_are_told_apart_from_what_is_shown_where() -> None:
    item, position, clicked, _ = clicks(40_000, seed=1, tilt=1.5)
    naive = np.bincount(position, weights=clicked)[1:] / 40_000
    assert naive[4] / naive[0] < 0.11  # better items stand higher
    assert np.allclose(examination(item, position, clicked), TRUE_LOOK, atol=0.02)


def test_looks_never_rise_with_the_place_nor_vanish() -> None:
    item, position, clicked, _ = clicks(60, seed=2, tilt=0.0)
    clicked[position == 5] = 0.0
    look = examination(item, position, clicked)
    assert (np.diff(look) <= 0).all()
    assert (look[0], look[4]) == (1.0, LEAST)


def test_debiased_ndcg_prefers_the_truth_where_clicks_prefer_what_stood_on_top() -> None:
    # The worst items were shown on top: by clicks as logged their order looks right, by clicks over looks it does not.
    item, position, clicked, appeal = clicks(4_000, seed=3, tilt=-0.6)
    queries, grades = Queries.of_sizes(np.full(4_000, 5)), clicked.astype(np.int64)
    as_shown, truth = -position.astype(float), appeal[item]

    def logged(scores: np.ndarray) -> float:
        return float(np.nanmean(ndcg_at(5, grades, scores, queries)))

    def debiased(scores: np.ndarray) -> float:
        return debiased_ndcg_at(5, grades, TRUE_LOOK[position - 1], scores, queries)

    assert logged(as_shown) > logged(truth)
    assert debiased(truth) > debiased(as_shown)


def test_with_equal_looks_the_debiased_figure_weighs_queries_by_their_best_gain() -> None:
    queries = Queries.of_sizes(np.array([2, 2]))
    grades, scores = np.array([1, 0, 2, 0]), np.array([0.0, 1.0, 1.0, 0.0])
    expected = (1 / np.log2(3) + 3) / (1 + 3)
    assert np.isclose(debiased_ndcg_at(2, grades, np.ones(4), scores, queries), expected)
