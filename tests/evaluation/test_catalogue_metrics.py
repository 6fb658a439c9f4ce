"""Figures of lists drawn from a whole catalogue, by hand."""

from math import log2

import numpy as np
import pytest

from farview.evaluation.catalogue_metrics import coverage, list_ndcg, mean_over_list, popularity_percentile

SHOWN = np.array([[2, 0, 1], [3, -1, -1]])


def test_ndcg_of_a_list_counts_hits_by_place() -> None:
    relevant = np.array([[True, False, False, True], [False, False, False, True]])
    assert list_ndcg(SHOWN, relevant).tolist() == pytest.approx([(1 / log2(3)) / (1 + 1 / log2(3)), 1.0])


def test_an_empty_place_hits_nothing() -> None:
    assert list_ndcg(np.array([[-1, -1]]), np.array([[True, True]])).tolist() == [0.0]


def test_unknown_values_and_empty_places_leave_the_mean_of_a_list_alone() -> None:
    assert mean_over_list(np.array([2.0, np.nan, 4.0, 7.0]), SHOWN).tolist() == [3.0, 7.0]


def test_coverage_is_the_share_of_labels_that_some_list_shows() -> None:
    assert coverage(np.array([0, 0, 1, 2, 3]), SHOWN) == 0.75


def test_the_most_bought_item_has_the_highest_percentile() -> None:
    assert popularity_percentile(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [0.75, 0.25, 0.75, 1.0]
