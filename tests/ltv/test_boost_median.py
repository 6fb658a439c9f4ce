"""The median day of the next purchase under corrected hazards, where the anchor's curve is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv.boost_median import AnchorWait, corrected_median
from tests.tiers import examples

HORIZONS = np.array([30.0, 90.0, 180.0])


def straight(rate: float) -> AnchorWait:
    """Of an anchor with one hazard for ever, in which straight lines between known days are exact."""
    longest = -np.log1p(0.5 * np.expm1(-rate * HORIZONS[-1])) / rate
    return AnchorWait(HORIZONS, rate * HORIZONS[None], np.array([longest + 0.5]))


@settings(max_examples=examples(ci=50, soak=2_000), deadline=None)
@given(rate=st.floats(1e-6, 0.5), correction=st.floats(-3.0, 3.0), within=st.integers(0, 2))
def test_half_of_the_probability_within_the_horizon_has_passed(rate: float, correction: float, within: int) -> None:
    days = float(corrected_median(straight(rate), within, np.array([correction]))[0])
    faster = rate * np.exp(correction)
    chances = -np.expm1(-faster * np.array([days, HORIZONS[within]]))
    assert chances[0] == pytest.approx(0.5 * chances[1], rel=1e-6)


def test_without_a_correction_it_is_the_anchors_own() -> None:
    wait = AnchorWait(HORIZONS, np.array([[0.5, 0.8, 0.9]]), np.array([20.0]))
    assert np.ceil(corrected_median(wait, 2, np.zeros(1))) == [20.0]


def test_who_is_likelier_to_buy_is_expected_sooner() -> None:
    wait = AnchorWait(HORIZONS, np.tile([0.5, 0.8, 0.9], (3, 1)), np.full(3, 20.0))
    assert np.all(np.diff(corrected_median(wait, 2, np.array([-0.5, 0.0, 0.5]))) < 0)


def test_it_lies_within_a_horizon_shorter_than_the_anchors_median() -> None:
    wait = AnchorWait(HORIZONS, np.array([[1e-9, 0.8, 0.9], [1e-12, 1e-12, 1e-12]]), np.array([60.0, 180.0]))
    days = corrected_median(wait, 0, np.zeros(2))
    assert np.all((days > 0) & (days <= 30.0))
