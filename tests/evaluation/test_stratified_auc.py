"""The stratified AUC, on cases a person can count and against the plain count of pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.evaluation.stratified_auc import stratified_auc
from tests.tiers import examples


def count_pairs(score, target, stratum, weight):
    """The definition, pair by pair."""
    good = total = 0.0
    for i in np.flatnonzero(target):
        for j in np.flatnonzero(~target):
            if stratum[i] == stratum[j]:
                total += weight[i] * weight[j]
                good += weight[i] * weight[j] * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    return good / total if total else None


@st.composite
def scored_steps(draw):
    size = draw(st.integers(1, 40))
    column = lambda values: np.array(draw(st.lists(values, min_size=size, max_size=size)))  # noqa: E731
    return (
        column(st.sampled_from([0.1, 0.2, 0.5, 0.7])),
        column(st.booleans()),
        column(st.integers(1, 4)),
        column(st.floats(1.0, 9.0)),
    )


def test_a_case_counted_by_hand():
    # stratum 1: .9+ beats .1- and .5-; stratum 2: .3+ ties .3-, loses to .8-. Pairs across strata do not count.
    score = np.array([0.9, 0.1, 0.5, 0.3, 0.3, 0.8])
    target = np.array([True, False, False, True, False, False])
    assert stratified_auc(score, target, np.array([1, 1, 1, 2, 2, 2])) == (2 + 0.5) / 4


@given(scored_steps())
@settings(max_examples=examples(ci=100, soak=5000))
def test_it_equals_the_plain_count_of_weighted_pairs(steps):
    counted = count_pairs(*steps)
    assert stratified_auc(*steps) == (pytest.approx(counted, rel=1e-12) if counted is not None else None)


@given(scored_steps())
@settings(max_examples=examples(ci=100, soak=5000))
def test_whatever_is_a_function_of_the_step_index_scores_exactly_one_half(steps):
    _, target, index, weight = steps
    assert stratified_auc(np.sqrt(index), target, index, weight) in (0.5, None)


def test_strata_without_both_outcomes_say_nothing():
    assert stratified_auc(np.array([0.3, 0.4]), np.array([True, False]), np.array([1, 2])) is None
