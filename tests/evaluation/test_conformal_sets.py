"""Conformal sets of a rare outcome."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farview.evaluation.conformal_sets import conformal_figures, converter_threshold


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60, unique=True), st.floats(0.05, 0.95))
def test_each_converter_is_told_by_the_others_at_least_as_often_as_the_level(p: list[float], level: float) -> None:
    """Leave one out: of n + 1 exchangeable converters, the average over which one is new."""
    whole = np.array(p)
    told = [
        whole[new] >= converter_threshold(np.delete(whole, new), np.ones(len(whole) - 1, np.bool_), level)
        for new in range(len(whole))
    ]
    assert np.mean(told) >= level - 1e-9


def test_later_cases_are_judged_by_weight() -> None:
    earlier = np.linspace(0.01, 1.0, 100), np.ones(100, np.bool_)
    later = np.array([0.05, 0.5, 0.05, 0.9]), np.array([True, True, False, False]), np.array([1.0, 3.0, 1.0, 1.0])
    figures = conformal_figures(earlier, later)
    assert figures.threshold == pytest.approx(0.1)
    assert figures.coverage == pytest.approx(0.75)
    assert figures.flagged == pytest.approx(4 / 6)


def test_without_a_converter_nothing_is_told() -> None:
    nobody = np.zeros(3), np.zeros(3, np.bool_)
    assert conformal_figures(nobody, (*nobody, np.ones(3))).coverage is None


def test_few_converters_are_all_told() -> None:
    assert converter_threshold(np.array([0.2, 0.4]), np.ones(2, np.bool_), 0.9) == 0.0
